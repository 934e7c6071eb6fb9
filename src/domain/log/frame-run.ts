import type { Replay } from './rest';
import type { Segment } from './segment';

/** Most messages ask for no receipt; never written to. */
const NONE: number[] = [];

/** Gathers the frames of entries behind `after`; those that lie side by side in a segment become one array. */
export class FrameRun {
  private readonly frames: Uint8Array[] = [];
  private wishes = NONE;
  private segment: Segment | undefined;
  private from = 0;
  private to = 0;
  private count = 0;
  private passed: Segment | undefined;
  private index = 0;
  bytes = 0;

  constructor(private readonly after: number) {}

  /** Offset of the last entry that was passed. */
  get upTo(): number {
    return this.passed?.offset(this.index) ?? this.after;
  }

  /** Entry `i` is done with, whether it was added or not. */
  pass(segment: Segment, i: number): void {
    this.passed = segment;
    this.index = i;
  }

  add(segment: Segment, i: number): void {
    this.bytes += segment.size(i);
    this.count += 1;
    if (segment.wantsReceipt(i)) this.wish(segment.offset(i));
    if (segment === this.segment && i === this.to + 1) {
      this.to = i;
      return;
    }
    this.flush();
    this.segment = segment;
    this.from = i;
    this.to = i;
  }

  end(): Pick<Replay, 'frames' | 'count' | 'wishes'> {
    this.flush();
    return { frames: this.frames, count: this.count, wishes: this.wishes };
  }

  private wish(offset: number): void {
    if (this.wishes === NONE) this.wishes = [offset];
    else this.wishes.push(offset);
  }

  private flush(): void {
    if (this.segment !== undefined) this.frames.push(this.segment.frames(this.from, this.to));
    this.segment = undefined;
  }
}
