import { Heads } from './heads';

/** Numbers of a claim: four of its key, two of its claimant, and the distance to an older claim in its bucket. */
const KEY = 4;
const CLAIMANT = 2;
const LINK = KEY + CLAIMANT;
const WORDS = LINK + 1;
/** Bytes of a claim: its numbers, its time and its offset in the log, and a slot for its bucket. */
const CLAIM_BYTES = 4 * WORDS + 8 + 8 + 8;
const MIN_ROWS = 1024;
/** A table that is less full than that is made smaller. */
const MIN_LOAD = 1 / 4;

/**
 * Who claimed a key first, in log order. Every node reads the same log and so decides alike which connection owns a
 * single-use token and which copy of a repeated message is worked on. Kept are hashes, of 128 bits for a key and 64 for a
 * claimant, in flat memory: 52 bytes a claim (104 right after the table has grown), where two strings in a Map take 200 that
 * the collector looks after. That two of 100 million keys have the same hash is as likely as 1 to 10^22.
 */
export class Claims {
  private words = new Uint32Array(0);
  private times = new Float64Array(0);
  private offsets = new Float64Array(0);
  private heads = new Heads(MIN_ROWS);
  /** Rows, a power of two; row `seq mod size` has the claim with the number `seq`. */
  private rows = 0;
  private first = 0;
  private next = 0;
  private readonly maxRows: number;
  private readonly seeds = Uint32Array.from({ length: LINK }, () => Math.random() * 2 ** 32);
  /** The key and the claimant that are looked for. */
  private readonly sought = new Uint32Array(LINK);
  /** Up to when claims may be unknown: dropped for want of room, lost before they were read, or of another log. */
  private squeezedAt = -Infinity;
  private forgottenUpTo = -1;

  /** `maxBytes` of memory, of which at least 1024 claims are kept. */
  constructor(maxBytes: number) {
    this.maxRows = Math.max(MIN_ROWS, 2 ** Math.floor(Math.log2(maxBytes / CLAIM_BYTES)));
    this.resize(MIN_ROWS);
  }

  /**
   * Enters a claim as read from the log, at an offset; true when the claimant is the owner. `time` in ms since epoch. For
   * want of room the oldest claim is forgotten.
   */
  enter(key: string, claimant: string, time: number, offset: number): boolean {
    const owner = this.find(key);
    this.hash(claimant, KEY, LINK);
    if (owner !== undefined) return this.isOwner(owner);
    if (this.size === this.rows) {
      if (this.rows < this.maxRows) this.resize(2 * this.rows);
      else this.squeeze();
    }
    const row = this.next & (this.rows - 1);
    this.words.set(this.sought, row * WORDS);
    this.times[row] = time;
    this.offsets[row] = offset;
    this.link(this.next);
    this.next += 1;
    return true;
  }

  /** True when somebody else than the claimant owns the key. */
  isTaken(key: string, claimant: string): boolean {
    const owner = this.find(key);
    if (owner === undefined) return false;
    this.hash(claimant, KEY, LINK);
    return !this.isOwner(owner);
  }

  /** Forgets claims logged before `time` (ms since epoch), oldest first. */
  forgetBefore(time: number): void {
    while (this.size > 0 && this.timeOf(this.first) < time) this.first += 1;
    while (this.rows > MIN_ROWS && this.size < this.rows * MIN_LOAD) this.resize(this.rows / 2);
  }

  /** Those logged up to an offset may never come: the log has lost entries. `now` in ms since epoch. */
  lose(offset: number, now: number): void {
    this.squeezedAt = Math.max(this.squeezedAt, now);
    this.forgottenUpTo = Math.max(this.forgottenUpTo, offset);
  }

  /** The log is another one. */
  clear(): void {
    if (this.size > 0) this.squeezedAt = Math.max(this.squeezedAt, this.timeOf(this.next - 1));
    this.forgottenUpTo = -1;
    this.first = this.next;
    this.resize(MIN_ROWS);
  }

  get size(): number {
    return this.next - this.first;
  }

  /** How far back from `now`, in ms, claims are known: at least the greatest age unless the room ran out or some were lost. */
  memory(now: number): number {
    return Math.max(0, now - this.squeezedAt);
  }

  /** True when a claim that was logged behind this offset may be unknown, for want of room or for a loss. */
  hasForgotten(offset: number): boolean {
    return offset < this.forgottenUpTo;
  }

  private squeeze(): void {
    const row = this.first & (this.rows - 1);
    this.squeezedAt = Math.max(this.squeezedAt, this.times[row] ?? 0);
    this.forgottenUpTo = Math.max(this.forgottenUpTo, this.offsets[row] ?? 0);
    this.first += 1;
  }

  private timeOf(seq: number): number {
    return this.times[seq & (this.rows - 1)] ?? 0;
  }

  /** Index of the first number of the claim that owns a key. */
  private find(key: string): number | undefined {
    this.hash(key, 0, KEY);
    const { words, sought } = this;
    let seq = this.heads.get(sought[0] ?? 0);
    while (seq >= this.first) {
      const at = (seq & (this.rows - 1)) * WORDS;
      if (isSame(words, at, sought, 0, KEY)) return at;
      const link = words[at + LINK] ?? 0;
      if (link === 0) return undefined;
      seq -= link;
    }
    return undefined;
  }

  private isOwner(at: number): boolean {
    return isSame(this.words, at + KEY, this.sought, KEY, CLAIMANT);
  }

  private link(seq: number): void {
    const at = (seq & (this.rows - 1)) * WORDS;
    const bucket = this.words[at] ?? 0;
    const before = this.heads.get(bucket);
    this.words[at + LINK] = before < this.first ? 0 : seq - before;
    this.heads.set(bucket, seq);
  }

  /** All claims anew, in a table of another size. */
  private resize(rows: number): void {
    const { words, times, offsets } = this;
    const from = this.rows - 1;
    this.rows = rows;
    this.words = new Uint32Array(rows * WORDS);
    this.times = new Float64Array(rows);
    this.offsets = new Float64Array(rows);
    this.heads = new Heads(rows);
    for (let seq = this.first; seq < this.next; seq += 1) {
      const old = seq & from;
      const row = seq & (rows - 1);
      for (let k = 0; k < LINK; k += 1) this.words[row * WORDS + k] = words[old * WORDS + k] ?? 0;
      this.times[row] = times[old] ?? 0;
      this.offsets[row] = offsets[old] ?? 0;
      this.link(seq);
    }
  }

  /**
   * Writes hashes of a text into the lanes of `sought` from `from` up to, but not including, `to`: one per seed, each by
   * MurmurHash2's step. Seeds are random, so nobody can choose keys that collide.
   */
  private hash(text: string, from: number, to: number): void {
    for (let lane = from; lane < to; lane += 1) {
      let hash = (this.seeds[lane] ?? 0) ^ text.length;
      for (let i = 0; i < text.length; i += 1) {
        hash = Math.imul(hash ^ text.charCodeAt(i), 0x5bd1e995);
        hash ^= hash >>> 15;
      }
      hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
      this.sought[lane] = hash ^ (hash >>> 13);
    }
  }
}

function isSame(a: Uint32Array, i: number, b: Uint32Array, j: number, count: number): boolean {
  for (let k = 0; k < count; k += 1) {
    if (a[i + k] !== b[j + k]) return false;
  }
  return true;
}
