import type { ErrorCode } from '../../protocol/codes';
import { Refusal, RetryableError } from '../errors';

/** What becomes of a message after its handler: acknowledged, delivered again after a delay, or dead-lettered. */
export type Outcome =
  | { readonly kind: 'done' }
  | {
      readonly kind: 'retry';
      readonly delay: number;
      readonly reason: string;
      /** It was no attempt of the handler's: the next one has the same number. */
      readonly uncounted?: boolean;
    }
  | { readonly kind: 'reject'; readonly reason: string };

const OUTAGE: ReadonlySet<ErrorCode> = new Set(['UNAVAILABLE', 'UNKNOWN_OUTCOME', 'OVERLOAD']);

export const DONE: Outcome = { kind: 'done' };

/** A handler did not settle within its time; it counts as retryable. */
export class HandlerTimeout extends Error {
  override readonly name = 'HandlerTimeout';
}

/** Decides between another attempt and the dead letter. */
export class RedeliveryPolicy {
  /** `delays` in ms, growing; the last one repeats. `attempts` counts the first delivery too. */
  constructor(
    private readonly attempts: number,
    private readonly delays: readonly number[],
  ) {}

  /** The outcome of a failed attempt; `attempt` counts from 1. */
  failed(attempt: number, error: unknown): Outcome {
    const reason = describe(error);
    if (!retryable(error)) return { kind: 'reject', reason };
    const uncounted = isOutage(error);
    if (attempt >= this.attempts && !uncounted) {
      return {
        kind: 'reject',
        reason: `${reason} (attempt ${String(attempt)} of ${String(this.attempts)})`,
      };
    }
    const delay = this.delays[Math.min(attempt, this.delays.length) - 1] ?? 0;
    return { kind: 'retry', delay, reason, uncounted };
  }
}

/** The log took no reply or claim, which is no fault of the message: it waits for as long as that lasts. */
function isOutage(error: unknown): boolean {
  return error instanceof Refusal && OUTAGE.has(error.code);
}

function retryable(error: unknown): boolean {
  if (error instanceof RetryableError || error instanceof HandlerTimeout) return true;
  return error instanceof Refusal && error.retryable;
}

function describe(error: unknown): string {
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return text.slice(0, 500);
}
