import type { Revocation } from '../connection/revocations';
import type { Audience } from '../routing/audience';

interface Position {
  /** Position in the log, see `positionOf`: messages that were logged together differ by thousandths. */
  readonly offset: number;
  /** ms that the entry itself carries, the second half of its cursor; 0 when it carries none. */
  readonly timestamp: number;
  /** ms since epoch at which it was logged, as well as the reader can know. */
  readonly time: number;
}

/** A message to clients. */
export interface MessageEntry extends Position {
  readonly kind: 'message';
  /** Of two entries with the same id and the same sender the second is not delivered. */
  readonly id: string;
  /** uniqueId of the client that sent it, NODE_SENDER when a node made its id; undefined when a service did. */
  readonly sender: string | undefined;
  readonly audience: Audience;
  /** ms since epoch; 0 = never. */
  readonly expiresAt: number;
  /** True when its sender is to be told who acknowledged it. */
  readonly receipt: boolean;
  /** The body as JSON text in UTF-8: an object that has neither `messageId` nor `cursor`. */
  readonly body: Uint8Array;
  /** The `timestamp` that clients get where the body has none, ms since epoch. */
  readonly stamp?: number | undefined;
}

/** The first claim of a key in log order wins; its claimant may claim it again. */
export interface ClaimsEntry extends Position {
  readonly kind: 'claims';
  readonly claims: readonly Claim[];
}

export interface Claim {
  readonly key: string;
  readonly claimant: string;
}

/** Written and read back by a node to know that its path through the log works. */
export interface ProbeEntry extends Position {
  readonly kind: 'probe';
  readonly id: string;
}

/** A service has ended sessions. */
export interface RevocationEntry extends Position, Revocation {
  readonly kind: 'revocation';
}

/** Not a valid message: skipped by every node alike, it stays readable in the log at its offset. */
export interface InvalidEntry extends Position {
  readonly kind: 'invalid';
  readonly reason: string;
}

export type LogEntry = MessageEntry | ClaimsEntry | ProbeEntry | RevocationEntry | InvalidEntry;
