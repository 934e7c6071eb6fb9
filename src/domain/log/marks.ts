/** A hash leaves one of so many marks, which its highest bits choose: the lowest ones choose the bucket. */
const MARK_BITS = 4;

/**
 * Which hashes each bucket may hold. Most hashes that are looked for are in none, and are known by this without a look
 * at the bucket's entries, each of which lies elsewhere in memory (a Bloom filter with one function, CACM 13/7, 1970).
 */
export class Marks {
  private readonly buckets: Uint16Array;

  /** `size` is a power of two. */
  constructor(private readonly size: number) {
    this.buckets = new Uint16Array(size);
  }

  get bytes(): number {
    return this.buckets.byteLength;
  }

  /** False when the hash is not in its bucket. */
  mayHold(hash: number): boolean {
    return ((this.buckets[hash & (this.size - 1)] ?? 0) & markOf(hash)) !== 0;
  }

  /** `isAlone`: the bucket holds nothing else any more. */
  add(hash: number, isAlone: boolean): void {
    const bucket = hash & (this.size - 1);
    this.buckets[bucket] = (isAlone ? 0 : (this.buckets[bucket] ?? 0)) | markOf(hash);
  }
}

function markOf(hash: number): number {
  return 1 << (hash >>> (32 - MARK_BITS));
}
