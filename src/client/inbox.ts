import { BEGINNING, isAfter, parseCursor } from '../protocol/cursor';
import type { GapFrame } from '../protocol/frames';
import { register } from './event-hub';
import { host } from './host';
import type { Delivered, MessageHandler } from './types';

/** Messages that wait for their handlers; what comes on top is fetched again later. */
const LIMIT = 10_000;
/** Cursors remembered, so that a change of identity that replays the log brings nothing twice. */
const REMEMBERED = 1000;
/** ms in which acknowledgements and writes to the storage are gathered. */
const SETTLE = 100;
/** ms before a message that cannot come again is handled again. */
const PAUSE = 1000;

type Item =
  | { readonly kind: 'message'; readonly message: Delivered; readonly answered: boolean }
  | { readonly kind: 'gap'; readonly frame: GapFrame }
  | { readonly kind: 'position'; readonly cursor: string };

/** What the inbox tells its owner. */
export interface InboxOwner {
  /** Everything up to the cursor was handled: acknowledge and keep it. */
  handled(cursor: string): void;
  gap(frame: GapFrame): void;
  /** A handler failed; when not `final` the message must be fetched again. */
  failed(error: unknown, message: Delivered, attempt: number, final: boolean): void;
  /** There was more than the inbox holds, and it is empty now: fetch the rest. */
  drained(): void;
}

/**
 * Gives messages to handlers one at a time, in the log's order, each position once. The cursor moves on when the
 * handlers of a message have resolved; positions of the log without a message for this client move it as well.
 */
export class Inbox {
  /** Everything up to here was handled. */
  cursor: string | undefined;
  private received = BEGINNING;
  private readonly handlers = new Map<string, Set<MessageHandler>>();
  private queue: Item[] = [];
  private next = 0;
  /** Items before this index are of a former identity or log and cannot be fetched again. */
  private changed = 0;
  private running = false;
  private overflowed = false;
  private remembered: string[] = [];
  private skipped = new Set<string>();
  private failure = { cursor: '', attempts: 0 };
  private settling: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly owner: InboxOwner,
    private readonly attempts: number,
  ) {}

  /** True while messages of an identity that the client has no more are to be handled: what was handled is theirs. */
  get isBehind(): boolean {
    return this.next < this.changed;
  }

  /** Where a new connection goes on: what is still in the queue need not come again. */
  get position(): string | undefined {
    return this.cursor === undefined ? undefined : this.received;
  }

  on(businessType: string, handler: MessageHandler): () => void {
    const set = this.handlers.get(businessType) ?? new Set();
    this.handlers.set(businessType, set);
    return register(set, handler);
  }

  /** Where the client starts, before its first message. */
  start(cursor: string): void {
    this.cursor = cursor;
    this.received = cursor;
  }

  /** The connection became another user, whose messages follow from `cursor`; what came before must not come again. */
  changeIdentity(cursor: string): void {
    this.skipped = new Set(this.remembered);
    this.received = cursor;
    this.changed = this.queue.push({ kind: 'position', cursor });
    this.run();
  }

  /** A message came; `answered` when it was a reply that its request has taken already. */
  receive(message: Delivered, answered: boolean): void {
    if (this.overflowed || !after(message.cursor, this.received)) return;
    if (this.queue.length - this.next >= LIMIT) {
      this.overflowed = true;
      return;
    }
    this.received = message.cursor;
    if (this.skipped.has(message.cursor)) return;
    if (this.remembered.push(message.cursor) > 2 * REMEMBERED)
      this.remembered = this.remembered.slice(-REMEMBERED);
    this.queue.push({ kind: 'message', message, answered });
    this.run();
  }

  gap(frame: GapFrame): void {
    if (this.overflowed) return;
    if (frame.reason === 'OTHER_LOG' || after(frame.to, this.received)) this.received = frame.to;
    const end = this.queue.push({ kind: 'gap', frame });
    // The former log is gone: what waits of it cannot come again, and is not the new one's to acknowledge.
    if (frame.reason === 'OTHER_LOG') this.changed = end;
    this.run();
  }

  /** The server has sent everything for this client up to here. */
  passed(cursor: string): void {
    if (this.overflowed || !after(cursor, this.received)) return;
    this.received = cursor;
    this.queue.push({ kind: 'position', cursor });
    this.run();
  }

  /** Acknowledges and keeps now what was handled. */
  settle(): void {
    if (this.settling === undefined) return;
    clearTimeout(this.settling);
    this.settling = undefined;
    if (this.cursor !== undefined) this.owner.handled(this.cursor);
  }

  /** The same, for the last time: what waits has nobody to come to. */
  close(): void {
    this.settle();
    this.forget();
  }

  private forget(): void {
    this.queue = [];
    this.next = this.changed = 0;
  }

  private run(): void {
    if (this.running) return;
    this.running = true;
    this.drain().catch((error: unknown) => {
      host.report(error);
    });
  }

  private async drain(): Promise<void> {
    for (;;) {
      // Handlers that never quite catch up must not keep what they have handled.
      if (this.next >= LIMIT) {
        this.queue.splice(0, this.next);
        this.changed -= this.next;
        this.next = 0;
      }
      const item = this.queue[this.next];
      if (item === undefined) break;
      this.next += 1;
      if (item.kind === 'message' && !item.answered) {
        // Without a promise where handlers have none: a message costs no turn of the event loop.
        const work = this.handle(item.message);
        if (work !== undefined) await work;
      } else this.pass(item);
    }
    this.forget();
    this.running = false;
    if (this.overflowed) {
      this.overflowed = false;
      this.owner.drained();
    }
  }

  /** Undefined when no handler has returned a promise. */
  private handle(message: Delivered): Promise<void> | undefined {
    const handlers = [
      ...(this.handlers.get(message.businessType) ?? []),
      ...(this.handlers.get('*') ?? []),
    ];
    const results = handlers.map((handler) => called(handler, message)).filter(isThenable);
    if (results.length === 0) {
      this.advance(message.cursor);
      return undefined;
    }
    // Not before all have ended: none is to get the message again while it still works on it.
    return Promise.allSettled(results).then((ends) => {
      const failed = ends.find((end) => end.status === 'rejected');
      if (failed !== undefined) return this.fail(failed.reason, message);
      this.advance(message.cursor);
      return undefined;
    });
  }

  /** Forgets what waits, so that it comes again from the failed message on where it can, unless that has failed too often. */
  private fail(error: unknown, message: Delivered): Promise<void> | undefined {
    const { failure } = this;
    const attempt = failure.cursor === message.cursor ? failure.attempts + 1 : 1;
    this.failure = { cursor: message.cursor, attempts: attempt };
    const final = attempt >= this.attempts;
    let pause: Promise<void> | undefined;
    if (final) this.advance(message.cursor);
    else if (this.isBehind) {
      this.next -= 1;
      pause = new Promise((resolve) => {
        setTimeout(resolve, PAUSE);
      });
    } else {
      this.forget();
      this.overflowed = false;
      this.received = this.cursor ?? BEGINNING;
      const from = Math.max(0, this.remembered.lastIndexOf(message.cursor));
      for (const cursor of this.remembered.splice(from)) this.skipped.delete(cursor);
    }
    this.owner.failed(error, message, attempt, final);
    return pause;
  }

  private pass(item: Item): void {
    if (item.kind === 'gap') {
      this.owner.gap(item.frame);
      if (item.frame.reason === 'OTHER_LOG' || after(item.frame.to, this.cursor ?? BEGINNING))
        this.advance(item.frame.to);
    } else this.advance(item.kind === 'position' ? item.cursor : item.message.cursor);
  }

  /** Everything up to here was handled: tells the owner so, in a moment. */
  advance(cursor: string): void {
    this.cursor = cursor;
    this.settling ??= setTimeout(() => {
      this.settle();
    }, SETTLE);
  }
}

function after(cursor: string, position: string): boolean {
  const [a, b] = [parseCursor(cursor), parseCursor(position)];
  return a !== undefined && (b === undefined || isAfter(a, b));
}

/** One handler that throws does not take the message away from the others. */
function called(handler: MessageHandler, message: Delivered): unknown {
  try {
    return handler(message);
  } catch (error) {
    // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- as it was thrown
    return Promise.reject(error);
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | undefined | null)?.then === 'function';
}
