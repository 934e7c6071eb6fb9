import type { Received, Rest } from '../../domain/log/rest';
import type { Gap } from '../../domain/log/window';
import { type Audience, reaches, type Subscription } from '../../domain/routing/audience';
import type { ClientChannel } from '../ports/client-channel';
import { Wishes } from '../receipts/wishes';

/** What delivery knows of a connection. */
export interface Receiver {
  readonly channel: ClientChannel;
  /** True when the client says what it has handled. */
  readonly acknowledges: boolean;
  /** The frame that tells the client of a gap; undefined when it needs none. */
  gapFrame(gap: Gap): Uint8Array;
}

/**
 * What a subscriber has to get between ticks. One array for all, never written to: an empty one of its own would be
 * promoted to the old generation with its owner, and keep the frames of a later tick alive until the next full
 * collection, which would come about once a second for 8000 messages/s.
 */
export const NOTHING: Uint8Array[] = [];

/** Shared by all who have had one identity only; never written to. */
const NOBODY: readonly Received[] = [];
/** Shared by all who were sent nothing yet that asks for a receipt; never written to. */
const NO_WISHES: readonly Wishes[] = [];
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
  /**
   * Unacknowledged receipt requests, one list per subscription this connection has had, oldest first; none for one that
   * was sent no request.
   */
  wishes = NO_WISHES;

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

  /** False when it has acknowledged everything that it was sent and that asks for a receipt, as far as that is known. */
  get hasWishes(): boolean {
    return this.wishes.length > 0;
  }

  /** It was sent the message at an offset, which asks for a receipt. */
  sentWish(offset: number): void {
    if (this.receiver.acknowledges) this.wishesNow().add(offset);
  }

  /** On connections before this one its client was sent what is for it behind `after` up to `upTo`. */
  inheritWishes(after: number, upTo: number): void {
    if (after < upTo && this.receiver.acknowledges) this.wishesNow().inherit(after, upTo);
  }

  /**
   * The client has handled everything up to `upTo`; `now` in ms since epoch. Returns the lists that may now have receipts
   * due. After a change of identity an offset is ambiguous: it counts for the earliest identity that was sent anything
   * that high.
   */
  acknowledge(upTo: number, now: number): readonly Wishes[] {
    const identities = [...this.received.map(({ as }) => as), this.subscription];
    // Of one that lagged when it was left, `upTo` may be less than that of one before it.
    const reaching = this.received.findIndex((part) => upTo <= part.upTo);
    const named = reaching === -1 ? this.received.length : reaching;
    const due = this.wishes.filter((one) => {
      const at = identities.indexOf(one.as);
      return at >= 0 && at <= named && one.acknowledge(at < named ? Infinity : upTo, now);
    });
    this.wishes = this.wishes.filter((one) => identities.indexOf(one.as) >= named && !one.isEmpty);
    return due;
  }

  /**
   * True when it was sent a message at an offset; `expiresAt` and `now` in ms, `expiresAt` 0 = never. Of one that has expired
   * before the connection was live, nobody knows.
   */
  wasSent(audience: Audience, offset: number, expiresAt: number, now: number): boolean {
    const upTo = this.live ? Infinity : this.position;
    const isThere =
      (offset > this.since && offset <= upTo) ||
      this.received.some(
        ({ as, ...part }) => offset > part.after && offset <= part.upTo && reaches(audience, as),
      );
    return isThere && (expiresAt === 0 || expiresAt >= (this.live ? this.liveSince : now));
  }

  /** It has received what was for it up to `upTo`, and from `from` on gets what is for `subscription` and was not. */
  become(subscription: Subscription, from: number, upTo: number): void {
    const former = { as: this.subscription, after: this.since, upTo };
    this.received = [...this.received, former].slice(-MAX_FORMER);
    this.subscription = subscription;
    this.since = from;
  }

  /** Starts at `offset` of another log. */
  restart(offset: number): void {
    this.position = offset;
    this.since = offset;
    this.received = NOBODY;
    for (const wishes of this.wishes) wishes.drop();
    this.wishes = NO_WISHES;
  }

  private wishesNow(): Wishes {
    const last = this.wishes.at(-1);
    if (last?.as === this.subscription) return last;
    const now = new Wishes(this.subscription);
    this.wishes = [...this.wishes, now].slice(-MAX_FORMER);
    return now;
  }
}
