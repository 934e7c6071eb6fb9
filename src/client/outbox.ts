import type { RejectedFrame, WelcomeFrame } from '../protocol/frames';
import { host } from './host';
import { type Sendable, WirepostError } from './types';

/** ms before a message that the server could not take is sent again; doubles each time. */
const RETRY_FIRST = 500;
const RETRY_LAST = 10_000;

interface Pending {
  readonly text: string;
  readonly resolve: (result: { readonly messageId: string }) => void;
  readonly reject: (error: WirepostError) => void;
  /** ms since epoch at which it was sent first; undefined before, -Infinity when it must not be sent again. */
  sent: number | undefined;
  /** False from a retryable rejection until it is sent again. */
  inFlight: boolean;
  retries: number;
}

/**
 * Messages on their way to the server, in the order of `send`. Each keeps its messageId until the server has accepted
 * or refused it, over any number of connections; the server takes a repeated id once.
 */
export class Outbox {
  private readonly pending = new Map<string, Pending>();
  private write: ((text: string) => void) | undefined;
  private limits: WelcomeFrame['limits'] | undefined;
  private retry: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly limit: number) {}

  /** Resolves at `accepted`; rejects with a WirepostError when it is refused, too large, or the client is closed. */
  send(message: Sendable): Promise<{ readonly messageId: string }> {
    // An empty one is none to the server either. One that is no string would not be found again by the answer.
    const messageId = String((message.messageId as string | number | undefined) || host.newId());
    const known = this.pending.has(messageId);
    if (known || this.pending.size >= this.limit) {
      const [code, what] = known
        ? (['BAD_FIELD', `messageId ${messageId} is under way`] as const)
        : (['QUEUE_FULL', `${String(this.limit)} messages wait`] as const);
      return Promise.reject(new WirepostError(code, what, !known));
    }
    return new Promise((resolve, reject) => {
      const text = JSON.stringify({ ...message, messageId });
      const entry = { text, resolve, reject, sent: undefined, inFlight: false, retries: 0 };
      this.pending.set(messageId, entry);
      this.transmit(messageId, entry);
    });
  }

  /** Nobody waits for this message any more. */
  forget(messageId: string): void {
    this.pending.delete(messageId);
  }

  /** A connection is open: sends everything again that has no answer. */
  connected(write: (text: string) => void, limits: WelcomeFrame['limits']): void {
    this.write = write;
    this.limits = limits;
    this.sendAll();
  }

  /** The client is another user now: what was sent was the former one's, and sent again it would be this one's. */
  changeIdentity(): void {
    for (const entry of this.pending.values()) if (entry.sent !== undefined) entry.sent = -Infinity;
  }

  disconnected(): void {
    this.write = undefined;
    for (const entry of this.pending.values()) entry.inFlight = false;
  }

  accepted(messageId: string): void {
    this.pending.get(messageId)?.resolve({ messageId });
    this.pending.delete(messageId);
  }

  /** True when the message will be sent again. */
  rejected({ messageId = '', code, message, retryable }: RejectedFrame): boolean {
    const entry = this.pending.get(messageId);
    if (entry === undefined) return false;
    if (!retryable) {
      this.fail(messageId, new WirepostError(code, message, false));
      return false;
    }
    entry.inFlight = false;
    entry.retries += 1;
    this.retry ??= setTimeout(
      () => {
        this.retry = undefined;
        this.sendAll();
      },
      Math.min(RETRY_LAST, RETRY_FIRST * 2 ** (entry.retries - 1)) * (0.5 + Math.random() / 2),
    );
    return true;
  }

  /** Rejects everything that waits. */
  close(error: WirepostError): void {
    clearTimeout(this.retry);
    this.write = undefined;
    for (const messageId of [...this.pending.keys()]) this.fail(messageId, error);
  }

  private sendAll(): void {
    for (const [messageId, entry] of this.pending) this.transmit(messageId, entry);
  }

  private transmit(messageId: string, entry: Pending): void {
    if (this.write === undefined || this.limits === undefined || entry.inFlight) return;
    const { maxPayload, repeatWithin } = this.limits;
    // A frame over the limit would end the connection, and so would its repetition.
    if (entry.text.length * 3 > maxPayload && byteLength(entry.text) > maxPayload) {
      const sentence = `the message is larger than ${String(maxPayload)} bytes`;
      this.fail(messageId, new WirepostError('TOO_LARGE', sentence, false));
      return;
    }
    const now = Date.now();
    entry.sent ??= now;
    if (now - entry.sent > repeatWithin) {
      const sentence = 'no answer, too late to repeat it';
      this.fail(messageId, new WirepostError('UNKNOWN_OUTCOME', sentence, false));
      return;
    }
    entry.inFlight = true;
    this.write(entry.text);
  }

  private fail(messageId: string, error: WirepostError): void {
    this.pending.get(messageId)?.reject(error);
    this.pending.delete(messageId);
  }
}

function byteLength(text: string): number {
  return new TextEncoder().encode(text).length;
}
