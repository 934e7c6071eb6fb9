import type { Received, Rest } from '../../domain/log/rest';
import type { Gap } from '../../domain/log/window';
import type { Subscription } from '../../domain/routing/audience';
import { Acknowledgements } from '../receipts/acknowledgements';
import type { ClientChannel } from '../ports/client-channel';

/** What delivery knows of a connection. */
export interface Receiver {
  readonly channel: ClientChannel;
  /** The frame that tells the client of a gap; undefined when it needs none. */
  gapFrame(gap: Gap): Uint8Array;
}

/**
 * What a subscriber has to get between ticks. One array for all, never written to: an empty one of its own would be
 * promoted to the old generation with its owner, and keep the frames of a later tick alive until the next full
 * collection, which would come about once a second for 8000 messages/s.
 */
export const NOTHING: Uint8Array[] = [];

/** What was received as somebody else: one for all who were nobody else. */
const NOBODY: readonly Received[] = [];
/** Former subscriptions that are remembered: a client renews once an hour or so, and what it gets then is young. */
const MAX_FORMER = 8;

/**
 * A reader of the log. While it is live its position is the end of the log; while it lags (new, or slower than the
 * messages come) it has a position of its own and costs no memory for what it has not received.
 */
export class Subscriber {
  live = false;
  /** Since when it is live, ms since epoch. */
  liveSince = 0;
  /** Offset up to which everything was written; valid while it lags. */
  position: number;
  /** What its last replay has left. */
  rest: Rest | undefined;
  /** Frames of this tick for it alone, in order. */
  out = NOTHING;
  /** How many of this tick's shared frames `out` holds already. */
  taken = 0;
  /** True while `Delivery` has it on its list for this tick. */
  dirty = false;
  /** What it has received with the subscriptions that it had before. */
  received = NOBODY;
  /** Offset from which on it has received what is for its subscription. */
  private since: number;
  /** Made when it acknowledges something that asks for a receipt, perhaps. */
  private acks: Acknowledgements | undefined;

  constructor(
    public subscription: Subscription,
    readonly receiver: Receiver,
    position: number,
  ) {
    this.position = position;
    this.since = position;
  }

  /** The highest offset up to which it can have been sent anything; valid while it lags. */
  get reached(): number {
    return this.received.reduce((highest, { upTo }) => Math.max(highest, upTo), this.position);
  }

  /** What it has acknowledged: of what came after `from`, where its session began, be it on a connection before this one. */
  acknowledgements(from = this.since): Acknowledgements {
    return (this.acks ??= new Acknowledgements(this.parts(from)));
  }

  /** True when it was sent what is for it at an offset; `expiresAt` and `now` in ms, `expiresAt` 0 = never. */
  wasSent(offset: number, expiresAt: number, now: number): boolean {
    if (offset <= this.since || (!this.live && offset > this.position)) return false;
    return expiresAt === 0 || expiresAt >= (this.live ? this.liveSince : now);
  }

  /** It has received what was for it up to `upTo`, and from `from` on gets what is for `subscription` and was not. */
  become(subscription: Subscription, from: number, upTo: number): void {
    const former = { as: this.subscription, after: this.since, upTo };
    this.received = [...this.received, former].slice(-MAX_FORMER);
    this.subscription = subscription;
    this.since = from;
    this.acks?.become(this.parts(from), from);
  }

  /** Starts at `offset` of another log. */
  restart(offset: number): void {
    this.position = offset;
    this.since = offset;
    this.received = NOBODY;
    this.acks = undefined;
  }

  /** As whom it receives what. */
  private parts(after: number): readonly Received[] {
    return [...this.received, { as: this.subscription, after, upTo: Infinity }];
  }
}
