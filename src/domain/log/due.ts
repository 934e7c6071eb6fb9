import type { Subscription } from '../routing/audience';
import type { Particulars } from './particulars';
import type { Received } from './rest';
import { Kind, type Segment } from './segment';

/** What a replay is to bring to a subscriber: what is meant for it, has not expired at `now` and was not `received`. */
export class Due {
  constructor(
    private readonly particulars: Particulars,
    private readonly to: Subscription,
    private readonly now: number,
    private readonly received: readonly Received[],
  ) {}

  /** False when no multicast or broadcast of the segment is among it: then none need be looked at. */
  mayHold(segment: Segment): boolean {
    return this.particulars.mayMatch(segment, this.to);
  }

  /** True when the entry is due. It must be for many, or a unicast to the subscriber. */
  holds(segment: Segment, i: number): boolean {
    if (segment.expired(i, this.now) || !this.particulars.match(segment, i, this.to)) return false;
    return this.received.length === 0 || !this.wasReceived(segment, i);
  }

  /** A method of its own: inside `holds` its closure would be allocated with each call. */
  private wasReceived(segment: Segment, i: number): boolean {
    const offset = segment.offset(i);
    const isUnicast = segment.kind(i) === Kind.UNICAST;
    return this.received.some(
      ({ as, after, upTo }) =>
        offset > after &&
        offset <= upTo &&
        (!isUnicast || segment.isTo(i, as.uniqueId)) &&
        this.particulars.match(segment, i, as),
    );
  }
}
