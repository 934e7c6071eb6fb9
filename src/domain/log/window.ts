import { endOfEntry } from '../../protocol/cursor';
import type { GapReason } from '../../protocol/frames';
import type { Audience, Subscription } from '../routing/audience';
import { Chains } from './chains';
import { Cursor } from './cursor';
import { Due } from './due';
import { hashOf } from './frame-text';
import { FrameRun } from './frame-run';
import { Heads } from './heads';
import { held, type HeldMessage } from './held-message';
import { Marks } from './marks';
import { OWN_PARTICULARS, Particulars } from './particulars';
import { type Received, type Replay, Rest } from './rest';
import { Kind, type NewFrame, Segment, type WindowPosition } from './segment';
import { Segments } from './segments';
import { SlabMemory } from './slab-memory';

export interface WindowLimits {
  /** ms that an entry stays. */
  readonly maxAge: number;
  /** Bytes of memory for entries; the newest segment stays whatever its size. */
  readonly maxBytes: number;
}

/** A message as the window takes it. */
export interface WindowMessage extends WindowPosition {
  /** With `sender` the key of de-duplication. */
  readonly id: string;
  /** uniqueId of the client that sent it, NODE_SENDER when a node made its id; undefined when a service did. */
  readonly sender: string | undefined;
  readonly audience: Audience;
  readonly expiresAt: number;
  /** True when its sender is to be told who acknowledged it. */
  readonly receipt: boolean;
  /** True when it had expired when it came. */
  readonly late: boolean;
  /** What clients get. */
  readonly frame: NewFrame;
}

/**
 * Entries that are not available: those after `from` up to and including `to`; deliveries go on after `to`.
 * With OTHER_LOG, `from` is a position of a log that is gone.
 */
export interface Gap {
  readonly from: Cursor;
  readonly to: Cursor;
  readonly reason: GapReason;
}

/** An entry, by its index in its segment. */
interface Entry {
  readonly segment: Segment;
  readonly i: number;
}

/** What ends a piece of a replay, see `Window.replay`. */
interface Budget {
  readonly bytes: number;
  readonly looks: number;
}

const KINDS = {
  unicast: Kind.UNICAST,
  multicast: Kind.MULTICAST,
  broadcast: Kind.BROADCAST,
} as const;
const BEFORE_ALL = new Cursor(-1, 0);
const NO_FRAME = new Uint8Array();
/** What it costs to come to a segment, in entries that are looked at (measured). */
const SEGMENT_LOOKS = 10;
/** Entries for one slot of the tables of heads above which these grow, and below which they shrink. */
const MAX_LOAD = 2;
const MIN_LOAD = 0.25;
const MIN_SLOTS = 1024;

/**
 * The newest part of the log in memory, bounded by age and by bytes. Entries of one recipient are chained, and within
 * each segment multicasts and broadcasts are, so a replay costs what it returns and not what lies between. Chains and ids
 * are found by hash and proved by the names in the frames themselves; links lead from newer to older entries only, so
 * what is dropped needs no unlinking.
 *
 * Words: a *segment* is a run of entries in flat columns with their frames in one *slab*. A *chain* links the unicasts of
 * one recipient, newest first, and its *head* is the newest. *Heads* find chains and ids by hash; *Marks* tell quickly
 * that an id is not there. *Particulars* are what an audience asks for besides a name. A replay is a *Rest* (what is
 * still to be looked at), filtered by a *Due* (what is meant, unexpired, not received), gathered by a *FrameRun*.
 */
export class Window {
  private readonly slabs: SlabMemory;
  private segments = new Segments();
  /** Newest entry of each bucket of ids. */
  private keys = new Heads(MIN_SLOTS);
  private keyMarks = new Marks(MIN_SLOTS);
  private chains = new Chains(this.segments, MIN_SLOTS);
  private readonly particulars = new Particulars();
  private readonly seed = Math.floor(Math.random() * 2 ** 32);
  private nextSeq = 0;
  private end: Cursor | undefined;
  /** Offset of the newest message that asks for a receipt. */
  private newestWish = -1;
  /** Everything after this position, up to the end, is in the window. */
  private base = BEFORE_ALL;
  /** Up to when ids may be unknown: dropped before their age for want of room, or lost before they were read. */
  private squeezedAt = -Infinity;

  constructor(private readonly limits: WindowLimits) {
    this.slabs = new SlabMemory(limits.maxBytes);
  }

  /** Position of the newest entry; undefined while nothing was read. */
  get last(): Cursor | undefined {
    return this.end;
  }

  /** The newest position that is no longer in the window: a cursor at or above it misses nothing. */
  get start(): Cursor {
    return this.base;
  }

  get bytes(): number {
    return this.segments.bytes + this.keys.bytes + this.keyMarks.bytes + this.chains.bytes;
  }

  /** True when `trim` has something to drop for want of room. */
  get isOverfull(): boolean {
    return this.bytes > this.limits.maxBytes && this.segments.count > 1;
  }

  get count(): number {
    return this.nextSeq - this.oldestSeq;
  }

  /** True when a message with this id of this sender (undefined: a service) is in the window. */
  has(id: string, sender?: string): boolean {
    return this.entryOf(hashOf(this.seed, id, sender), id, sender) !== undefined;
  }

  /** The message with this id of this sender (undefined: a service). */
  find(id: string, sender?: string): HeldMessage | undefined {
    const entry = this.entryOf(hashOf(this.seed, id, sender), id, sender);
    return entry && held(entry.segment, entry.i);
  }

  /** The message at an offset. */
  at(offset: number): HeldMessage | undefined {
    const entry = this.entryAt(offset);
    const isMessage = entry !== undefined && entry.segment.kind(entry.i) !== Kind.NOBODY;
    return isMessage ? held(entry.segment, entry.i) : undefined;
  }

  /** The frame of the newest entry; empty for one that goes to nobody. */
  get newestFrame(): Uint8Array {
    const { last } = this.segments;
    return last === undefined ? NO_FRAME : last.frames(last.count - 1, last.count - 1);
  }

  /** The message at an offset has its receipt. */
  fulfil(offset: number): void {
    const entry = this.entryAt(offset);
    entry?.segment.fulfil(entry.i);
  }

  /**
   * At most `most` offsets, oldest first, of unicasts to a subscriber above `after` that ask for a receipt and are
   * unexpired at `now`. `upTo`: complete up to here. `looked`: entries visited.
   */
  wishes(
    to: Subscription,
    after: number,
    now: number,
    most: number,
  ): { readonly offsets: readonly number[]; readonly upTo: number; readonly looked: number } {
    const offsets: number[] = [];
    // Most services ask for none.
    const chain = this.newestWish > after ? this.chainOf(to.uniqueId, after) : [];
    const looked = chain.length;
    for (let seq = chain.pop(); seq !== undefined; seq = chain.pop()) {
      const offset = this.wishAt(seq, to, now);
      if (offset !== undefined && offsets.push(offset) === most)
        return { offsets, upTo: offset, looked };
    }
    return { offsets, upTo: this.end?.offset ?? after, looked };
  }

  /**
   * Appends a message. False when one with the same id of the same sender is in the window: then only the position is
   * kept. Offsets must grow.
   */
  append(message: WindowMessage): boolean {
    const { id, sender, audience } = message;
    const keyHash = hashOf(this.seed, id, sender);
    if (this.entryOf(keyHash, id, sender) !== undefined) {
      this.skip(message);
      return false;
    }
    const kind = KINDS[audience.kind];
    const recipient = audience.kind === 'unicast' ? audience.uniqueId : undefined;
    const chainHash = recipient === undefined ? 0 : hashOf(this.seed, recipient, undefined);
    const head = recipient === undefined ? -1 : this.chains.takeHead(chainHash, recipient);
    const back = head === -1 ? 0 : this.nextSeq - head;
    const particulars = this.particulars.numberOf(audience, this.nextSeq, this.oldestSeq);
    const segment = this.add(message, message.frame);
    const i = segment.count - 1;
    const { expiresAt, receipt, late } = message;
    segment.describe(i, { kind, expiresAt, receipt, late, back, particulars });
    if (receipt) this.newestWish = message.offset;
    segment.name(i, { id, sender, recipient, keyHash, chainHash });
    if (particulars === OWN_PARTICULARS) segment.keepAudience(i, audience);
    this.linkKey(segment, i);
    if (recipient === undefined) this.segments.widen();
    else this.chains.link(segment, i);
    return true;
  }

  /** Takes note of an entry that goes to nobody, so that its offset and identity are known. */
  skip(position: WindowPosition): void {
    this.add(position, undefined);
  }

  /** Drops what is older than the limits allow; `now` in ms since epoch. */
  trim(now: number): void {
    const horizon = now - this.limits.maxAge;
    for (;;) {
      const first = this.segments.first;
      if (first === undefined || first.count === 0) return;
      const tooOld = first.time < horizon;
      if (!tooOld && !this.isOverfull) return;
      if (!tooOld) this.squeezedAt = Math.max(this.squeezedAt, first.time);
      this.dropFirst(first);
      if (this.keys.size > MIN_SLOTS && this.count < this.keys.size * MIN_LOAD)
        this.resize(this.keys.size / 2);
    }
  }

  /** The log has lost what was behind the end up to `upTo`: what was before is forgotten, too. `now` in ms since epoch. */
  lose(upTo: Cursor, now: number): void {
    this.clear();
    this.base = upTo;
    this.squeezedAt = now;
  }

  /** Forgets everything: the log begins anew. */
  clear(): void {
    this.squeezedAt = Math.max(this.squeezedAt, this.segments.last?.time ?? -Infinity);
    this.segments.drop();
    this.segments = new Segments();
    this.keys = new Heads(MIN_SLOTS);
    this.keyMarks = new Marks(MIN_SLOTS);
    this.chains = new Chains(this.segments, MIN_SLOTS);
    this.particulars.clear();
    this.newestWish = -1;
    this.end = undefined;
    this.base = BEFORE_ALL;
  }

  /** How far back from `now`, in ms, ids are known: at least the greatest age unless the bytes ran out or some was lost. */
  memory(now: number): number {
    return Math.max(0, now - this.squeezedAt);
  }

  /**
   * What a reader at `cursor` would miss, undefined when nothing. The cursor must not be ahead of the end
   * unless it is of another log.
   */
  gapAt(cursor: Cursor): Gap | undefined {
    const end = this.end;
    if (end === undefined) return undefined;
    if (cursor.offset > end.offset) return { from: cursor, to: this.start, reason: 'OTHER_LOG' };
    if (cursor.offset < this.base.offset)
      return { from: cursor, to: this.start, reason: 'WINDOW_PASSED' };
    // Entries of other producers may carry no time, positions between entries have none: where an entry has one, it is another's.
    const isOurs = cursor.timestamp === this.positionAt(cursor.offset).timestamp;
    return isOurs ? undefined : { from: cursor, to: this.start, reason: 'OTHER_LOG' };
  }

  /** An offset as a position that a client may come back with. */
  positionAt(offset: number): Cursor {
    return new Cursor(offset, this.timestampAt(offset) ?? 0);
  }

  /**
   * The frames for `to` above `after`, unexpired at `now`: as many as fit in `budget` bytes (at least one), within about
   * `looks` looks, give or take a segment; see `Replay.looked`. What was `received` is left out; `rest` comes from the
   * previous piece.
   */
  replay(
    to: Subscription,
    after: number,
    budget: number,
    now: number,
    {
      received = [],
      rest,
      looks = Infinity,
    }: {
      readonly received?: readonly Received[];
      readonly rest?: Rest | undefined;
      readonly looks?: number;
    } = {},
  ): Replay {
    // Most who connect have missed nothing.
    const newest = this.end?.offset ?? after;
    if (after >= newest)
      return { frames: [], count: 0, wishes: [], upTo: newest, complete: true, looked: 0 };
    const { uniqueId } = to;
    const left =
      rest?.isOf(uniqueId, after) === true
        ? rest
        : new Rest(uniqueId, after, newest, this.chainOf(uniqueId, after));
    const due = new Due(this.particulars, to, now, received);
    return this.bring(due, left, after, { bytes: budget, looks });
  }

  /** What is due of what is left behind `after`, as far as that goes. */
  private bring(due: Due, left: Rest, after: number, budget: Budget): Replay {
    const frames = new FrameRun(after);
    let looked = 0;
    for (const segment of this.visits(left.seqs, after)) {
      if (segment.isAfter(left.upTo)) break;
      const found = left.take(segment, after, due.mayHold(segment));
      const taken = fill(frames, segment, found, due, budget.bytes);
      looked += SEGMENT_LOOKS + taken;
      const isFull = taken < found.length;
      if (!isFull && (looked < budget.looks || segment.end >= left.upTo)) continue;
      const upTo = isFull ? frames.upTo : segment.end;
      left.putBack(segment, found.slice(taken), upTo);
      return { ...frames.end(), upTo, complete: false, looked, rest: left };
    }
    const { upTo } = left;
    return { ...frames.end(), upTo, complete: upTo === this.end?.offset, looked };
  }

  /** Sequence number of the first entry; of the next one, while there is none. */
  private get oldestSeq(): number {
    return this.segments.first?.firstSeq ?? this.nextSeq;
  }

  /** Adds an entry to the newest segment, and returns that. */
  private add(position: WindowPosition, frame: NewFrame | undefined): Segment {
    if (this.count >= this.keys.size * MAX_LOAD) this.resize(this.keys.size * 2);
    const segment = this.segmentFor(position.offset, frame?.size ?? 0);
    segment.add(position, frame);
    this.nextSeq += 1;
    this.end = new Cursor(position.offset, position.timestamp);
    return segment;
  }

  private segmentFor(offset: number, need: number): Segment {
    const last = this.segments.last;
    if (last?.hasRoom(offset, need)) return last;
    if (this.end === undefined) this.begin(offset);
    const segment = new Segment(this.slabs, this.nextSeq, offset, need);
    this.segments.push(segment, offset);
    return segment;
  }

  /** What lies before the first entry of the window is not in it, and no entry is named by where that ends. */
  private begin(offset: number): void {
    const before = endOfEntry(Math.floor(offset) - 1);
    if (before > this.base.offset) this.base = new Cursor(before, 0);
  }

  private dropFirst(segment: Segment): void {
    const last = segment.count - 1;
    this.base = new Cursor(segment.offset(last), segment.timestamp(last));
    this.segments.dropFirst();
  }

  /** The message with this id of this sender. */
  private entryOf(hash: number, id: string, sender: string | undefined): Entry | undefined {
    if (!this.keyMarks.mayHold(hash)) return undefined;
    let seq = this.keys.get(hash);
    for (;;) {
      const segment = this.segments.withSeq(seq);
      if (segment === undefined) return undefined;
      const i = seq - segment.firstSeq;
      if (segment.links.keyHashes[i] === hash && segment.isMessage(i, id, sender))
        return { segment, i };
      const link = segment.links.keys[i] ?? 0;
      if (link === 0) return undefined;
      seq -= link;
    }
  }

  private linkKey(segment: Segment, i: number): void {
    const hash = segment.links.keyHashes[i] ?? 0;
    const back = this.segments.distance(segment.firstSeq + i, this.keys.get(hash));
    segment.links.keys[i] = back;
    this.keyMarks.add(hash, back === 0);
    this.keys.set(hash, segment.firstSeq + i);
  }

  /** Buckets anew, for another number of them. */
  private resize(slots: number): void {
    this.keys = new Heads(slots);
    this.keyMarks = new Marks(slots);
    this.chains = new Chains(this.segments, slots);
    for (const segment of this.segments) {
      for (let i = 0; i < segment.count; i += 1) {
        if (segment.kind(i) === Kind.NOBODY) continue;
        this.linkKey(segment, i);
        if (segment.isHead(i)) this.chains.link(segment, i);
      }
    }
  }

  /** Sequence numbers of the unicasts to a recipient with offsets above `after`, newest first. */
  private chainOf(recipient: string, after: number): number[] {
    return this.chains.of(hashOf(this.seed, recipient, undefined), recipient, after);
  }

  /** Segments with entries that can concern a subscriber, oldest first, from `own` as it is taken. */
  private *visits(own: readonly number[], after: number): Generator<Segment> {
    for (const wide of this.segments.wideBehind(after)) {
      yield* this.owned(own, wide.firstSeq);
      yield wide;
    }
    yield* this.owned(own, Infinity);
  }

  private *owned(own: readonly number[], before: number): Generator<Segment> {
    for (let seq = own.at(-1); seq !== undefined && seq < before; seq = own.at(-1)) {
      const segment = this.segments.withSeq(seq);
      if (segment === undefined) return;
      yield segment;
    }
  }

  private wishAt(seq: number, to: Subscription, now: number): number | undefined {
    const segment = this.segments.withSeq(seq);
    const i = seq - (segment?.firstSeq ?? 0);
    if (segment?.wantsReceipt(i) !== true || segment.isLate(i) || segment.expired(i, now))
      return undefined;
    return this.particulars.match(segment, i, to) ? segment.offset(i) : undefined;
  }

  private timestampAt(offset: number): number | undefined {
    if (offset === this.base.offset) return this.base.timestamp;
    const entry = this.entryAt(offset);
    return entry?.segment.timestamp(entry.i);
  }

  private entryAt(offset: number): Entry | undefined {
    const segment = this.segments.around(offset);
    if (segment === undefined) return undefined;
    const i = segment.indexAfter(offset) - 1;
    return segment.offset(i) === offset ? { segment, i } : undefined;
  }
}

/** Adds those of the entries that are due; returns how many fit in the bytes with what is there already. */
function fill(
  frames: FrameRun,
  segment: Segment,
  found: readonly number[],
  due: Due,
  bytes: number,
): number {
  for (let k = 0; k < found.length; k += 1) {
    const i = found[k] ?? 0;
    if (due.holds(segment, i)) {
      if (frames.bytes > 0 && frames.bytes + segment.size(i) > bytes) return k;
      frames.add(segment, i);
    }
    frames.pass(segment, i);
  }
  return found.length;
}
