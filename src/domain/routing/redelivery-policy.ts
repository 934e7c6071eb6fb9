import type { ErrorCode } from '../../protocol/codes';
import { Refusal, RetryableError } from '../errors';

/** What becomes of a message after its handler: acknowledged, delivered again after a delay, or dead-lettered. */
export type Outcome =
  { readonly kind: 'done' } | Retry | { readonly kind: 'reject'; readonly reason: string };

export interface Retry {
  readonly kind: 'retry';
  readonly delay: number;
  readonly reason: string;
  /** The log took nothing, which is no attempt of the handler's. */
  readonly outage?: boolean;
}

/** How often a message was handled, and how often it came back because the log took nothing. */
export interface Counts {
  /** Counts from 1. */
  readonly attempt: number;
  readonly outages: number;
}

const OUTAGE: ReadonlySet<ErrorCode> = new Set(['UNAVAILABLE', 'UNKNOWN_OUTCOME', 'OVERLOAD']);

export const DONE: Outcome = { kind: 'done' };

/** The counts of a message that nobody has handled yet. */
export const FIRST: Counts = { attempt: 1, outages: 0 };

/** The counts of the delivery that follows. */
export function countsAfter({ attempt, outages }: Counts, { outage = false }: Retry): Counts {
  return outage ? { attempt, outages: outages + 1 } : { attempt: attempt + 1, outages };
}

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

  /** The outcome of a failed delivery. Delays grow with the attempts, and apart from them with the outages. */
  failed({ attempt, outages }: Counts, error: unknown): Outcome {
    const reason = describe(error);
    if (!retryable(error)) return { kind: 'reject', reason };
    const outage = isOutage(error);
    if (attempt >= this.attempts && !outage) {
      return {
        kind: 'reject',
        reason: `${reason} (attempt ${String(attempt)} of ${String(this.attempts)})`,
      };
    }
    const times = outage ? outages + 1 : attempt;
    const delay = this.delays[Math.min(times, this.delays.length) - 1] ?? 0;
    return { kind: 'retry', delay, reason, outage };
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
  if (!(error instanceof Error)) return String(error).slice(0, 500);
  const name = error instanceof Refusal ? error.code : error.name;
  return `${name}: ${error.message}`.slice(0, 500);
}
