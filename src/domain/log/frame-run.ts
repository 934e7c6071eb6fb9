import type { Segment } from './segment';

/** Gathers the frames of entries behind `after`; those that lie side by side in a segment become one array. */
export class FrameRun {
  private readonly frames: Uint8Array[] = [];
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
    if (segment === this.segment && i === this.to + 1) {
      this.to = i;
      return;
    }
    this.flush();
    this.segment = segment;
    this.from = i;
    this.to = i;
  }

  end(): { frames: readonly Uint8Array[]; count: number } {
    this.flush();
    return { frames: this.frames, count: this.count };
  }

  private flush(): void {
    if (this.segment !== undefined) this.frames.push(this.segment.frames(this.from, this.to));
    this.segment = undefined;
  }
}
