import { NODE_SENDER } from '../message/message';
import type { Audience } from '../routing/audience';
import { Columns, ENTRY_BYTES } from './columns';
import { findName, isNameAt, nameAt, type Place } from './frame-text';
import type { SlabMemory } from './slab-memory';

/** Bytes of frames that a segment holds unless one entry alone is larger. */
const SLAB_BYTES = 262_144;
const MAX_ENTRIES = 1024;
/** Bytes on the heap of an entry's own audience or name, and of a label of it, beside its characters. */
const LOOSE_BYTES = 200;
const LABEL_BYTES = 32;
/** A closed segment keeps unused bytes of its slab up to this part of it. */
const SLACK = 1 / 16;
/** Stands for a sender that is a node, which no frame names. A place has the length of two quotes at least. */
const OF_NODE: Place = 1;
/** What ends every frame that names its message last: the quote and the brace after the id. */
const TAIL = 2;
const QUOTE = 0x22;

/** Whom an entry is for. */
export const Kind = { NOBODY: 0, UNICAST: 1, MULTICAST: 2, BROADCAST: 3 } as const;
/** Kinds that may concern everybody. */
const WIDE = [Kind.MULTICAST, Kind.BROADCAST];
const KIND_BITS = 3;
/**
 * Distinct particulars recorded per segment, of its entries for many. With more, nearly every subscriber matches one, and
 * the record saves nothing.
 */
const MAX_ASKED = 16;
/** Set while the entry is the newest one of its recipient. */
const HEAD_BIT = 4;
/** Set where a receipt is asked for, until it was looked for and found. */
const RECEIPT_BIT = 8;
/** Set where the entry had expired when it came. */
const LATE_BIT = 16;

/** A frame that is still to be written. */
export interface NewFrame {
  /** Its size in bytes. */
  readonly size: number;
  /** Writes it into `memory`, from `at` on. */
  write(memory: Uint8Array, at: number): void;
}

/** Where an entry stands in the log. */
export interface WindowPosition {
  readonly offset: number;
  readonly timestamp: number;
  readonly time: number;
}

/** What a segment keeps of a message beside its frame and its names. */
export interface SegmentMessage {
  readonly kind: number;
  readonly expiresAt: number;
  readonly receipt: boolean;
  readonly late: boolean;
  /** Of a unicast: distance in entries to the previous one for the same recipient; 0 when there is none. */
  readonly back: number;
  /** Number of the audience's particulars in the window's table; 0 = none. */
  readonly particulars: number;
}

/** The names by which an entry is found again. */
export interface SegmentNames {
  readonly id: string;
  readonly sender: string | undefined;
  readonly recipient: string | undefined;
  readonly keyHash: number;
  readonly chainHash: number;
}

/** Names that are not found in the frame itself. */
interface Strangers {
  readonly id?: string;
  readonly sender?: string;
  readonly recipient?: string;
}

/**
 * A run of log entries in flat columns: the unit in which the window grows and is trimmed. Names are not copied:
 * a frame's own bytes tell its id, its recipient and its sender.
 */
export class Segment {
  private columns: Columns;
  /** Only where some entry expires, and where some sender is no service. */
  private expiries: Float64Array | undefined;
  private senders: Uint32Array | undefined;
  private readonly strangers = new Map<number, Strangers>();
  private readonly audiences = new Map<number, Audience>();
  /** Bytes of `strangers` and `audiences`, about. */
  private loose = 0;
  private slab: Uint8Array;
  private used = 0;
  /** Newest entry of each kind, of those for many only; -1 when there is none. */
  private readonly newest = [-1, -1, -1, -1];
  private readonly asked: number[] = [];
  private readonly first: number;
  /** Time of its newest entry, ms since epoch. */
  time = 0;
  count = 0;

  /** `firstSeq` numbers its first entry, at `position`; `need` is the size in bytes of the frame that opens it. */
  constructor(
    private readonly memory: SlabMemory,
    readonly firstSeq: number,
    position: number,
    need: number,
  ) {
    this.first = thousandths(position);
    this.columns = columnsFor(memory, MAX_ENTRIES);
    this.slab = new Uint8Array(memory.allocate(Math.max(SLAB_BYTES, need)));
  }

  /** Bytes that it occupies, whether used or not. */
  get bytes(): number {
    const rare = (this.expiries === undefined ? 0 : 8) + (this.senders === undefined ? 0 : 4);
    return this.slab.length + this.columns.capacity * (ENTRY_BYTES + rare) + this.loose;
  }

  hasRoom(position: number, need: number): boolean {
    return (
      this.count < MAX_ENTRIES &&
      this.used + need <= this.slab.length &&
      thousandths(position) - this.first <= 0xffffffff
    );
  }

  /** Takes an entry in that is for nobody, until `describe` says otherwise, and its frame; returns its index. */
  add(position: WindowPosition, frame: NewFrame | undefined): number {
    const i = this.count++;
    this.columns.deltas[i] = thousandths(position.offset) - this.first;
    this.columns.timestamps[i] = position.timestamp;
    this.time = position.time;
    if (frame !== undefined) {
      frame.write(this.slab, this.used);
      this.used += frame.size;
    }
    this.columns.ends[i] = this.used;
    return i;
  }

  /** Makes entry `i` a message. */
  describe(i: number, { kind, expiresAt, receipt, late, back, particulars }: SegmentMessage): void {
    this.columns.kinds[i] = kind | (receipt ? RECEIPT_BIT : 0) | (late ? LATE_BIT : 0);
    this.columns.backs[i] = kind === Kind.UNICAST ? back : this.chainWide(kind, i);
    if (kind !== Kind.UNICAST) this.ask(particulars);
    this.columns.particulars[i] = particulars;
    if (expiresAt === 0) return;
    this.expiries ??= new Float64Array(MAX_ENTRIES);
    this.expiries[i] = expiresAt;
  }

  /** Remembers where in entry `i`'s frame its names stand; those that do not stand there are kept beside it. */
  name(i: number, { id, sender, recipient, keyHash, chainHash }: SegmentNames): void {
    this.columns.keyHashes[i] = keyHash;
    this.columns.chainHashes[i] = chainHash;
    if (!this.endsWithId(i, id)) this.keep(i, { id });
    if (recipient !== undefined) {
      const place = this.placeOf(i, recipient);
      this.columns.recipients[i] = place;
      if (place === 0) this.keep(i, { recipient });
    }
    if (sender !== undefined) {
      const place = sender === NODE_SENDER ? OF_NODE : this.placeOf(i, sender);
      this.senders ??= new Uint32Array(MAX_ENTRIES);
      this.senders[i] = place;
      if (place === 0) this.keep(i, { sender });
    }
  }

  /** Keeps an audience whose particulars have no number. */
  keepAudience(i: number, audience: Audience): void {
    this.audiences.set(i, audience);
    this.loose += LOOSE_BYTES + labelBytes(audience);
  }

  /** The entry's links to older ones. */
  get links(): Pick<Columns, 'keyHashes' | 'keys' | 'chainHashes' | 'chains'> {
    return this.columns;
  }

  /** Gives back what it does not need any more; nothing is added after that. */
  close(): void {
    const { columns, count } = this;
    this.columns = columnsFor(this.memory, count);
    this.columns.copy(columns);
    this.memory.letGo(columns.memory);
    this.expiries = this.expiries?.slice(0, count);
    this.senders = this.senders?.slice(0, count);
    if (this.slab.length - this.used <= this.slab.length * SLACK) return;
    const { slab } = this;
    this.slab = new Uint8Array(this.memory.allocate(this.used));
    this.slab.set(slab.subarray(0, this.used));
    this.memory.letGo(slab.buffer);
  }

  /** Its entries are not needed any more. */
  drop(): void {
    this.memory.letGo(this.columns.memory);
    this.memory.letGo(this.slab.buffer);
  }

  offset(i: number): number {
    return (this.first + (this.columns.deltas[i] ?? 0)) / 1000;
  }

  /** Offset of its newest entry. */
  get end(): number {
    return this.offset(this.count - 1);
  }

  timestamp(i: number): number {
    return this.columns.timestamps[i] ?? 0;
  }

  kind(i: number): number {
    return (this.columns.kinds[i] ?? 0) & KIND_BITS;
  }

  /** True while the entry is the newest one of its recipient. */
  isHead(i: number): boolean {
    return this.has(i, HEAD_BIT);
  }

  setHead(i: number, isHead: boolean): void {
    this.set(i, HEAD_BIT, isHead);
  }

  /** True when its sender is to be told who acknowledged it. */
  wantsReceipt(i: number): boolean {
    return this.has(i, RECEIPT_BIT);
  }

  /** Its sender was told. */
  fulfil(i: number): void {
    this.set(i, RECEIPT_BIT, false);
  }

  /** True when it had expired when it came: nobody was sent it. */
  isLate(i: number): boolean {
    return this.has(i, LATE_BIT);
  }

  /** ms since epoch after which the entry is not delivered; 0 when it does not expire. */
  expiresAt(i: number): number {
    return this.expiries?.[i] ?? 0;
  }

  /** True when the entry has expired at `now`. */
  expired(i: number, now: number): boolean {
    const expiresAt = this.expiresAt(i);
    return expiresAt !== 0 && expiresAt < now;
  }

  /** The entry's id, which every frame names last; no id has a quote. */
  id(i: number): string {
    const end = (this.columns.ends[i] ?? 0) - TAIL;
    const kept = this.strangers.get(i)?.id;
    return kept ?? nameAt(this.slab, this.slab.lastIndexOf(QUOTE, end - 1), end + 1);
  }

  /** Whom a unicast is for; empty for others. */
  recipient(i: number): string {
    const place = this.columns.recipients[i] ?? 0;
    return place === 0 ? (this.strangers.get(i)?.recipient ?? '') : this.read(i, place);
  }

  /** Who sent the entry, see `MessageEntry.sender`. */
  sender(i: number): string | undefined {
    const place = this.senders?.[i] ?? 0;
    if (place === OF_NODE) return NODE_SENDER;
    return place === 0 ? this.strangers.get(i)?.sender : this.read(i, place);
  }

  back(i: number): number {
    return this.columns.backs[i] ?? 0;
  }

  /** Multicasts and broadcasts from entry `from` on, newest first within each kind. */
  wide(from: number): number[] {
    const found: number[] = [];
    for (const kind of WIDE) {
      let back = 1;
      for (let i = this.newest[kind] ?? -1; i >= from && back !== 0; i -= back) {
        found.push(i);
        back = this.back(i);
      }
    }
    return found;
  }

  /** The distinct particulars of its multicasts and broadcasts; undefined when they are too many to be kept. */
  get particulars(): readonly number[] | undefined {
    return this.asked.length > MAX_ASKED ? undefined : this.asked;
  }

  particularsOf(i: number): number {
    return this.columns.particulars[i] ?? 0;
  }

  audience(i: number): Audience | undefined {
    return this.audiences.get(i);
  }

  /** True when the entry is a message with this id of this sender. */
  isMessage(i: number, id: string, sender: string | undefined): boolean {
    if (this.kind(i) === Kind.NOBODY || !this.isNamed(i, 'id', id, this.endsWithId(i, id)))
      return false;
    return this.isFrom(i, sender);
  }

  /** True when the entry is a unicast to the recipient. */
  isTo(i: number, recipient: string): boolean {
    if (this.kind(i) !== Kind.UNICAST) return false;
    const place = this.columns.recipients[i] ?? 0;
    return this.isNamed(i, 'recipient', recipient, place !== 0 && this.isAt(i, place, recipient));
  }

  /** Size in bytes of an entry's frame. */
  size(i: number): number {
    return (this.columns.ends[i] ?? 0) - this.start(i);
  }

  /** The frames from entry `i` to entry `j`, which lie side by side. */
  frames(i: number, j: number): Uint8Array {
    return this.slab.subarray(this.start(i), this.columns.ends[j] ?? 0);
  }

  /**
   * True when all its entries have offsets above `offset`, by where the segment begins: reading an entry's offset would
   * miss the cache.
   */
  isAfter(offset: number): boolean {
    return thousandths(offset) < this.first;
  }

  /** Index of the first entry with an offset above `offset`; `count` when there is none. */
  indexAfter(offset: number): number {
    if (this.isAfter(offset)) return 0;
    const wanted = thousandths(offset) - this.first;
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.columns.deltas[middle] ?? 0) > wanted) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** Distance to the previous entry of the kind in this segment, 0 when there is none; the entry is the newest now. */
  private chainWide(kind: number, i: number): number {
    const newest = this.newest[kind] ?? -1;
    this.newest[kind] = i;
    return newest === -1 ? 0 : i - newest;
  }

  private ask(particulars: number): void {
    const { asked } = this;
    if (asked.length <= MAX_ASKED && !asked.includes(particulars)) asked.push(particulars);
  }

  private keep(i: number, names: Strangers): void {
    this.strangers.set(i, { ...this.strangers.get(i), ...names });
    for (const name of Object.values(names) as readonly string[])
      this.loose += LOOSE_BYTES + name.length;
  }

  private has(i: number, bit: number): boolean {
    return ((this.columns.kinds[i] ?? 0) & bit) !== 0;
  }

  private set(i: number, bit: number, isSet: boolean): void {
    const others = (this.columns.kinds[i] ?? 0) & ~bit;
    this.columns.kinds[i] = isSet ? others | bit : others;
  }

  private start(i: number): number {
    return i === 0 ? 0 : (this.columns.ends[i - 1] ?? 0);
  }

  private isFrom(i: number, sender: string | undefined): boolean {
    const place = this.senders?.[i] ?? 0;
    if (sender === NODE_SENDER) return place === OF_NODE;
    const kept = this.strangers.get(i)?.sender;
    if (sender === undefined) return place === 0 && kept === undefined;
    return kept === undefined ? place !== 0 && this.isAt(i, place, sender) : kept === sender;
  }

  private isNamed(i: number, what: 'id' | 'recipient', name: string, inFrame: boolean): boolean {
    const kept = this.strangers.size === 0 ? undefined : this.strangers.get(i)?.[what];
    return kept === undefined ? inFrame : kept === name;
  }

  private endsWithId(i: number, id: string): boolean {
    const end = (this.columns.ends[i] ?? 0) - TAIL;
    const start = end - id.length - 1;
    return start > this.start(i) && isNameAt(this.slab, start, end + 1, id);
  }

  private placeOf(i: number, name: string): Place {
    return findName(this.slab, this.start(i), this.columns.ends[i] ?? 0, name);
  }

  private isAt(i: number, place: Place, name: string): boolean {
    const start = this.start(i) + Math.floor(place / 1024);
    return isNameAt(this.slab, start, start + (place % 1024), name);
  }

  private read(i: number, place: Place): string {
    const start = this.start(i) + Math.floor(place / 1024);
    return nameAt(this.slab, start, start + (place % 1024));
  }
}

/** Bytes of an audience's labels on the heap, about. */
function labelBytes(audience: Audience): number {
  if (audience.kind !== 'multicast') return 0;
  let bytes = 0;
  for (const label of [...audience.tags, ...audience.businesses])
    bytes += LABEL_BYTES + label.length;
  return bytes;
}

function columnsFor(memory: SlabMemory, capacity: number): Columns {
  return new Columns(memory.allocate(capacity * ENTRY_BYTES), capacity);
}

function thousandths(position: number): number {
  return Math.round(position * 1000);
}
