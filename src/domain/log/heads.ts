/** The newest entry of each bucket of hashes, by sequence number. */
export class Heads {
  private readonly slots: Float64Array;

  /** `size` is a power of two. */
  constructor(readonly size: number) {
    this.slots = new Float64Array(size).fill(-1);
  }

  get bytes(): number {
    return this.slots.byteLength;
  }

  /** -1 when there is none. */
  get(hash: number): number {
    return this.slots[hash & (this.size - 1)] ?? -1;
  }

  set(hash: number, seq: number): void {
    this.slots[hash & (this.size - 1)] = seq;
  }
}
