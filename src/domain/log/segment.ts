import type { Audience } from '../routing/audience';

/** Bytes of frames that a segment holds unless one entry alone is larger. */
const SLAB_BYTES = 262_144;
const MAX_ENTRIES = 1024;
/** Typed-array bytes per entry, plus the two references. */
const ENTRY_BYTES = 8 + 8 + 8 + 8 + 4 + 4 + 16;

/** What a segment keeps of an entry. */
export interface SegmentEntry {
  readonly offset: number;
  readonly timestamp: number;
  readonly time: number;
  readonly expiresAt: number;
  /** Chain that the entry belongs to; undefined when it is for nobody (claims, probes, invalid, duplicates). */
  readonly chain: string | undefined;
  /** Distance in entries to the previous one of its chain; 0 when there is none. */
  readonly back: number;
  /** Kept only where the chain does not say everything (labels, client type). */
  readonly audience: Audience | undefined;
  readonly key: string | undefined;
}

/** A run of log entries in flat arrays: the unit in which the window grows and is trimmed. */
export class Segment {
  private readonly offsets = new Float64Array(MAX_ENTRIES);
  private readonly timestamps = new Float64Array(MAX_ENTRIES);
  private readonly times = new Float64Array(MAX_ENTRIES);
  private readonly expiries = new Float64Array(MAX_ENTRIES);
  private readonly backs = new Uint32Array(MAX_ENTRIES);
  private readonly ends = new Uint32Array(MAX_ENTRIES);
  private readonly audiences: (Audience | undefined)[] = [];
  private readonly slab: Uint8Array;
  private used = 0;
  readonly chains: (string | undefined)[] = [];
  readonly keys: (string | undefined)[] = [];
  count = 0;

  /** `firstSeq` numbers its first entry; `need` is the size in bytes of the frame that opens it. */
  constructor(
    readonly firstSeq: number,
    need: number,
  ) {
    this.slab = new Uint8Array(Math.max(SLAB_BYTES, need));
  }

  /** Bytes that it occupies, whether used or not. */
  get bytes(): number {
    return this.slab.length + MAX_ENTRIES * ENTRY_BYTES;
  }

  hasRoom(need: number): boolean {
    return this.count < MAX_ENTRIES && this.used + need <= this.slab.length;
  }

  /** Copies the parts in as one frame and returns the copy. */
  add(entry: SegmentEntry, parts: readonly Uint8Array[]): Uint8Array {
    const i = this.count++;
    this.offsets[i] = entry.offset;
    this.timestamps[i] = entry.timestamp;
    this.times[i] = entry.time;
    this.expiries[i] = entry.expiresAt;
    this.backs[i] = entry.back;
    this.chains.push(entry.chain);
    this.audiences.push(entry.audience);
    this.keys.push(entry.key);
    const start = this.used;
    for (const part of parts) {
      this.slab.set(part, this.used);
      this.used += part.length;
    }
    this.ends[i] = this.used;
    return this.slab.subarray(start, this.used);
  }

  offset(i: number): number {
    return this.offsets[i] ?? -1;
  }

  timestamp(i: number): number {
    return this.timestamps[i] ?? 0;
  }

  time(i: number): number {
    return this.times[i] ?? 0;
  }

  /** True when the entry has expired at `now`. */
  expired(i: number, now: number): boolean {
    const expiresAt = this.expiries[i] ?? 0;
    return expiresAt !== 0 && expiresAt < now;
  }

  back(i: number): number {
    return this.backs[i] ?? 0;
  }

  audience(i: number): Audience | undefined {
    return this.audiences[i];
  }

  /** Size in bytes of an entry's frame. */
  size(i: number): number {
    return (this.ends[i] ?? 0) - this.start(i);
  }

  /** The frames from entry `i` to entry `j`, which lie side by side. */
  frames(i: number, j: number): Uint8Array {
    return this.slab.subarray(this.start(i), this.ends[j] ?? 0);
  }

  /** Index of the first entry with an offset above `offset`; `count` when there is none. */
  indexAfter(offset: number): number {
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.offset(middle) > offset) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  private start(i: number): number {
    return i === 0 ? 0 : (this.ends[i - 1] ?? 0);
  }
}
