import type { Revocation } from '../../domain/connection/revocations';
import type { Cursor } from '../../domain/log/cursor';
import type { Claim, LogEntry } from '../../domain/log/log-entry';
import type { Message } from '../../domain/message/message';

/** A message that can be appended to the log. */
export interface NewMessage {
  readonly kind: 'message';
  readonly message: Message;
  /** The body as JSON text in UTF-8, without `messageId`: serialised once, by whoever accepted the message. */
  readonly body: Uint8Array;
}

/** What can be appended to the log. */
export type NewEntry =
  | NewMessage
  | { readonly kind: 'claims'; readonly claims: readonly Claim[] }
  | { readonly kind: 'probe'; readonly id: string }
  | ({ readonly kind: 'revocation' } & Revocation);

/** The writing end of the one durable log. */
export abstract class LogWriter {
  /** True while the log takes nothing from anybody, as during an alarm of the broker; what it holds can be read. */
  abstract readonly blocked: boolean;
  /**
   * Resolves when the entry is durable (confirmed and not returned). Rejects with a Refusal:
   * UNAVAILABLE when it is certain that nothing was written, UNKNOWN_OUTCOME when it is not.
   */
  abstract append(entry: NewEntry): Promise<void>;
}

/** The ends of all partitions of the log, for those that this node does not read. */
export abstract class LogEnds {
  /** The position of an entry among the newest of a partition. Rejects with UNAVAILABLE when there is none to be had. */
  abstract newest(partition: number): Promise<Cursor>;
}

/** The log in which the claims of handlers are ordered, when the log of messages has partitions. */
export abstract class ClaimsLog {
  abstract readonly writer: LogWriter;
  abstract readonly reader: LogReader;
}

/** The log of the sessions that services have ended; it is kept as long as a session may last. */
export abstract class RevocationLog {
  abstract readonly writer: LogWriter;
  abstract readonly reader: LogReader;
}

/** Receives the log in order, each entry once. Its methods must not throw. */
export interface LogListener {
  /** The next entry. Offsets grow; one that is left out never held an entry. */
  entry(entry: LogEntry): void;
  /** Retention has passed this reader: the entries after the last one told, up to and including `offset`, are gone. */
  lost(offset: number): void;
  /** The log was deleted and made anew: everything read so far belongs to another log. */
  reset(): void;
}

/** The reading end of the log. */
export abstract class LogReader {
  /**
   * Starts to read entries at most `maxAge` ms old, then follows the end, for ever: it resumes at the entry after
   * the last one read when the broker was away. Resolves when the reader is set up, not when it has caught up.
   */
  abstract start(maxAge: number, listener: LogListener): Promise<void>;
  /** True when everything was read that the log held at the time of the call. Rejects when the log cannot be asked. */
  abstract isAtEnd(): Promise<boolean>;
  /** Opens the reading end anew at the same position: for a reader that has fallen silent. */
  abstract restart(): void;
  abstract stop(): Promise<void>;
}
