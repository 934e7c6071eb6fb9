import type { Segment } from './segment';

/** The segments of a window, oldest first; sequence numbers run on from each to the next. */
export class Segments implements Iterable<Segment> {
  private readonly list: Segment[] = [];
  /** Where each begins, side by side: a search among a thousand of them stays in the processor's cache. */
  private readonly firstSeqs: number[] = [];
  private readonly firstOffsets: number[] = [];
  private total = 0;

  /** Bytes of memory that they occupy. */
  get bytes(): number {
    return this.total;
  }

  get count(): number {
    return this.list.length;
  }

  get first(): Segment | undefined {
    return this.list[0];
  }

  get last(): Segment | undefined {
    return this.list.at(-1);
  }

  [Symbol.iterator](): Iterator<Segment> {
    return this.list[Symbol.iterator]();
  }

  /** Adds one that begins at an offset; the last one takes no more entries and gives back what it does not need. */
  push(segment: Segment, offset: number): void {
    const { last } = this;
    if (last !== undefined) {
      this.total -= last.bytes;
      last.close();
      this.total += last.bytes;
    }
    this.list.push(segment);
    this.firstSeqs.push(segment.firstSeq);
    this.firstOffsets.push(offset);
    this.total += segment.bytes;
  }

  dropFirst(): void {
    const first = this.list.shift();
    if (first === undefined) return;
    this.total -= first.bytes;
    first.drop();
    this.firstSeqs.shift();
    this.firstOffsets.shift();
  }

  /** None of them is needed any more. */
  drop(): void {
    for (const segment of this.list) segment.drop();
  }

  /** The one that holds the entry with a sequence number. */
  withSeq(seq: number): Segment | undefined {
    const { last } = this;
    if (last === undefined || seq >= last.firstSeq + last.count) return undefined;
    if (seq >= last.firstSeq) return last;
    return this.list[countUpTo(this.firstSeqs, seq) - 1];
  }

  /** Those that may hold entries with offsets above `offset`, oldest first. */
  *behind(offset: number): Generator<Segment> {
    const { list } = this;
    for (let k = Math.max(0, countUpTo(this.firstOffsets, offset) - 1); k < list.length; k += 1) {
      const segment = list[k];
      if (segment !== undefined) yield segment;
    }
  }

  /** The one among whose offsets this one is, whether there is an entry at it or not. */
  around(offset: number): Segment | undefined {
    const segment = this.list[countUpTo(this.firstOffsets, offset) - 1];
    return segment !== undefined && offset <= segment.offset(segment.count - 1)
      ? segment
      : undefined;
  }
}

/** How many of the values, which grow, are not above `limit`. */
function countUpTo(values: readonly number[], limit: number): number {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((values[middle] ?? 0) > limit) high = middle;
    else low = middle + 1;
  }
  return low;
}
