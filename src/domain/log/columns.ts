/** Bytes of one entry in all columns. */
export const ENTRY_BYTES = 43;

/** What a segment keeps of each entry, column by column in one piece of memory; all zero at first. */
export class Columns {
  readonly timestamps: Float64Array;
  /** Thousandths of an offset after the segment's first position. */
  readonly deltas: Uint32Array;
  readonly ends: Uint32Array;
  readonly recipients: Uint32Array;
  readonly backs: Uint32Array;
  readonly keyHashes: Uint32Array;
  readonly keys: Uint32Array;
  readonly chainHashes: Uint32Array;
  readonly chains: Uint32Array;
  readonly particulars: Uint16Array;
  readonly kinds: Uint8Array;

  /** `memory` has `ENTRY_BYTES` for each of `capacity` entries. */
  constructor(
    readonly memory: ArrayBufferLike,
    readonly capacity: number,
  ) {
    const uint32 = (n: number): Uint32Array =>
      new Uint32Array(memory, (8 + 4 * n) * capacity, capacity);
    this.timestamps = new Float64Array(memory, 0, capacity);
    this.deltas = uint32(0);
    this.ends = uint32(1);
    this.recipients = uint32(2);
    this.backs = uint32(3);
    this.keyHashes = uint32(4);
    this.keys = uint32(5);
    this.chainHashes = uint32(6);
    this.chains = uint32(7);
    this.particulars = new Uint16Array(memory, 40 * capacity, capacity);
    this.kinds = new Uint8Array(memory, 42 * capacity, capacity);
  }

  /** Takes over the first entries of others, as many as it has room for. */
  copy(from: Columns): void {
    const copy = <T extends Float64Array | Uint32Array | Uint16Array | Uint8Array>(
      to: T,
      column: T,
    ): void => {
      to.set(column.subarray(0, this.capacity));
    };
    copy(this.timestamps, from.timestamps);
    copy(this.deltas, from.deltas);
    copy(this.ends, from.ends);
    copy(this.recipients, from.recipients);
    copy(this.backs, from.backs);
    copy(this.keyHashes, from.keyHashes);
    copy(this.keys, from.keys);
    copy(this.chainHashes, from.chainHashes);
    copy(this.chains, from.chains);
    copy(this.particulars, from.particulars);
    copy(this.kinds, from.kinds);
  }
}
