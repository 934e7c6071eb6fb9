import type { Segment } from './segment';

/** The segments of a window, oldest first; sequence numbers run on from each to the next. */
export class Segments implements Iterable<Segment> {
  private readonly list: Segment[] = [];
  /** Those with entries for many. */
  private readonly wide: Segment[] = [];
  /** Where each begins, side by side: a search among a thousand of them stays in the processor's cache. */
  private readonly firstSeqs: number[] = [];
  private readonly firstOffsets: number[] = [];
  /** Bytes of all but the last one, which still grows. */
  private closed = 0;

  /** Bytes of memory that they occupy. */
  get bytes(): number {
    return this.closed + (this.last?.bytes ?? 0);
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
      last.close();
      this.closed += last.bytes;
    }
    this.list.push(segment);
    this.firstSeqs.push(segment.firstSeq);
    this.firstOffsets.push(offset);
  }

  dropFirst(): void {
    const first = this.list.shift();
    if (first === undefined) return;
    if (this.list.length > 0) this.closed -= first.bytes;
    first.drop();
    if (this.wide[0] === first) this.wide.shift();
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

  /** The newest one has got its first entry for many. */
  widen(): void {
    const { last } = this;
    if (last !== undefined && this.wide.at(-1) !== last) this.wide.push(last);
  }

  /** Those with entries for many that may hold some with offsets above `offset`, oldest first. */
  *wideBehind(offset: number): Generator<Segment> {
    const { wide } = this;
    let first = 0;
    let behind = wide.length;
    while (first < behind) {
      const middle = (first + behind) >>> 1;
      if ((wide[middle]?.end ?? 0) > offset) behind = middle;
      else first = middle + 1;
    }
    for (let k = first; k < wide.length; k += 1) {
      const segment = wide[k];
      if (segment !== undefined) yield segment;
    }
  }

  /** How far the entry `older` lies before `seq`; 0 when it was dropped. */
  distance(seq: number, older: number): number {
    return older < (this.first?.firstSeq ?? 0) ? 0 : seq - older;
  }

  /** The one among whose offsets this one is, whether there is an entry at it or not. */
  around(offset: number): Segment | undefined {
    const segment = this.list[countUpTo(this.firstOffsets, offset) - 1];
    return segment !== undefined && offset <= segment.end ? segment : undefined;
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
