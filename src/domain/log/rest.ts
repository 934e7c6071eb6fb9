import type { Subscription } from '../routing/audience';
import { Kind, type Segment } from './segment';

/** Frames for one subscriber in log order; neighbours in memory are one array. */
export interface Replay {
  readonly frames: readonly Uint8Array[];
  /** How many messages the frames hold. */
  readonly count: number;
  /** Offsets of those that ask for a receipt. */
  readonly wishes: readonly number[];
  /** Everything addressed to the subscriber up to this offset is in `frames` or was before. */
  readonly upTo: number;
  /** True when the replay reached the end of the window; false when a budget ended it, or more came after it began. */
  readonly complete: boolean;
  /** What it has cost: how many entries were looked at, and how many segments. */
  readonly looked: number;
  /** For the next piece; undefined when there is nothing to spare it. */
  readonly rest?: Rest;
}

/** What a connection has received as somebody: all for that subscription with offsets above `after`, up to `upTo`. */
export interface Received {
  readonly as: Subscription;
  readonly after: number;
  readonly upTo: number;
}

/**
 * What a subscriber at a position has to get yet, up to where the window ended: its own chain of unicasts is walked once,
 * newest first, however many pieces the replay is given in.
 */
export class Rest {
  /** `seqs`: sequence numbers of the unicasts to the recipient with offsets above `after`, newest first. */
  constructor(
    readonly uniqueId: string,
    private after: number,
    readonly upTo: number,
    readonly seqs: number[],
  ) {}

  /** True for the recipient of the last piece when its replay goes on where that ended. */
  isOf(uniqueId: string, after: number): boolean {
    return uniqueId === this.uniqueId && after === this.after;
  }

  /** Takes the entries of a segment that can concern the subscriber, oldest first: its own, and with `many` what is for many. */
  take(segment: Segment, after: number, many: boolean): readonly number[] {
    const { seqs, upTo } = this;
    const wide = many ? segment.wide(segment.indexAfter(after)) : [];
    const found = segment.end > upTo ? wide.filter((i) => segment.offset(i) <= upTo) : wide;
    const end = segment.firstSeq + segment.count;
    for (let seq = seqs.at(-1); seq !== undefined && seq < end; seq = seqs.at(-1)) {
      found.push(seq - segment.firstSeq);
      seqs.pop();
    }
    return found.length > 1 ? found.sort(byNumber) : found;
  }

  /** What was taken of a segment is left for the next piece, which begins after `after`. */
  putBack(segment: Segment, found: readonly number[], after: number): void {
    this.after = after;
    for (let k = found.length - 1; k >= 0; k -= 1) {
      const i = found[k] ?? 0;
      if (segment.kind(i) === Kind.UNICAST) this.seqs.push(segment.firstSeq + i);
    }
  }
}

function byNumber(a: number, b: number): number {
  return a - b;
}
