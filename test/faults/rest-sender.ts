import type { ErrorCode } from '../../src/protocol/codes';
import { SERVICE_KEY } from '../support/test-node';
import type { Entrance } from './client';
import type { Attempt, Operation } from './operation';

/** ms within which a gateway must have answered: it has PUBLISH_TIMEOUT (2 s) for the broker. */
export const ANSWER_WITHIN = 6000;
/** ms of a step of that time. */
const STEP = 500;

interface Answer {
  readonly result: number;
  readonly data: { readonly code?: ErrorCode } | readonly Answer[];
}

/** Pushes one message by REST. */
export async function push(at: Entrance, { body }: Pick<Operation, 'body'>): Promise<Attempt> {
  const answer = await post(at, '/websocket/push', body);
  return 'kind' in answer ? answer : judge(answer);
}

/** Pushes several at once; one result for each. */
export async function pushAll(
  at: Entrance,
  operations: readonly Operation[],
): Promise<readonly Attempt[]> {
  const bodies = operations.map(({ body }) => body);
  const answer = await post(at, '/websocket/push/batch', bodies);
  if ('kind' in answer) return operations.map(() => answer);
  const { data } = answer;
  if (!Array.isArray(data)) return operations.map(() => judge(answer));
  return (data as readonly Answer[]).map(judge);
}

async function post(at: Entrance, path: string, body: unknown): Promise<Answer | Attempt> {
  const patience = new Patience(ANSWER_WITHIN);
  try {
    const response = await fetch(at.base + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${SERVICE_KEY}` },
      body: JSON.stringify(body),
      signal: patience.signal,
    });
    return (await response.json()) as Answer;
  } catch (error) {
    return lost(error);
  } finally {
    patience.end();
  }
}

/**
 * A timeout in steps, each of which counts once however late it comes: on a machine that is too slow for what a run asks
 * of it this process stands still for seconds as well, and what it has not read by then is not missing.
 */
class Patience {
  private readonly controller = new AbortController();
  private timer: NodeJS.Timeout | undefined;

  /** `left` in ms. */
  constructor(private left: number) {
    this.wait();
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  end(): void {
    clearTimeout(this.timer);
  }

  private wait(): void {
    this.timer = setTimeout(() => {
      this.left -= STEP;
      if (this.left > 0) this.wait();
      else this.controller.abort(new DOMException('no answer', 'TimeoutError'));
    }, STEP);
  }
}

/** Nothing came back: only when no connection was made is it certain that nothing was sent. */
function lost(error: unknown): Attempt {
  if (error instanceof DOMException && error.name === 'TimeoutError') {
    const reason = `no answer within ${String(ANSWER_WITHIN)} ms`;
    return { kind: 'unknown', reason, silent: true };
  }
  const cause = (error as { cause?: { code?: string } }).cause?.code ?? String(error);
  return { kind: cause === 'ECONNREFUSED' ? 'refused' : 'unknown', reason: cause };
}

function judge({ result, data }: Answer): Attempt {
  if (result === 0) return { kind: 'ok' };
  const code = 'code' in data ? data.code : undefined;
  const reason = code ?? String(result);
  if (code === 'UNAVAILABLE' || code === 'OVERLOAD' || code === 'RESTARTING')
    return { kind: 'refused', reason };
  if (code === 'UNKNOWN_OUTCOME' || code === 'INTERNAL') return { kind: 'unknown', reason };
  return { kind: 'failed', reason };
}
