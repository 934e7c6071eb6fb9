import type { Rest } from '../../domain/log/rest';
import type { Gap } from '../../domain/log/window';
import type { Subscription } from '../../domain/routing/audience';
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

/**
 * A reader of the log. While it is live its position is the end of the log; while it lags (new, or slower than the
 * messages come) it has a position of its own and costs no memory for what it has not received.
 */
export class Subscriber {
  live = false;
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

  constructor(
    public subscription: Subscription,
    readonly receiver: Receiver,
    position: number,
  ) {
    this.position = position;
  }
}
