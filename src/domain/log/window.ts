import type { GapReason } from '../../protocol/frames';
import { type Audience, reaches, type Subscription } from '../routing/audience';
import { Cursor } from './cursor';
import { Segment } from './segment';

export interface WindowLimits {
  /** ms that an entry stays. */
  readonly maxAge: number;
  /** Bytes of memory for entries; the newest segment stays whatever its size. */
  readonly maxBytes: number;
}

/** Where an entry stands in the log. */
export interface WindowPosition {
  readonly offset: number;
  readonly timestamp: number;
  readonly time: number;
}

/** A message as the window takes it. `parts` laid side by side are the frame that clients get. */
export interface WindowMessage extends WindowPosition {
  readonly key: string;
  readonly audience: Audience;
  readonly expiresAt: number;
  readonly parts: readonly Uint8Array[];
}

/** Frames for one subscriber in log order; neighbours in memory are one array. */
export interface Replay {
  readonly frames: readonly Uint8Array[];
  /** How many messages the frames hold. */
  readonly count: number;
  /** Everything addressed to the subscriber up to this offset is in `frames` or was before. */
  readonly upTo: number;
  /** False when the byte budget ended it before the end of the window. */
  readonly complete: boolean;
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

const BROADCAST = 'b';
const MULTICAST = 'm';

/**
 * The newest part of the log in memory, bounded by age and by bytes. Entries of one recipient are chained, so a
 * replay costs what it returns and not what lies between.
 */
export class Window {
  private segments: Segment[] = [];
  private readonly heads = new Map<string, number>();
  private readonly keys = new Map<string, number>();
  private nextSeq = 0;
  private bytesHeld = 0;
  private end: Cursor | undefined;
  /** Everything after this offset, up to the end, is in the window. */
  private base = -1;
  private baseTimestamp = 0;

  constructor(private readonly limits: WindowLimits) {}

  /** Position of the newest entry; undefined while nothing was read. */
  get last(): Cursor | undefined {
    return this.end;
  }

  /** The newest position that is no longer in the window: a cursor at or above it misses nothing. */
  get start(): Cursor {
    return new Cursor(this.base, this.baseTimestamp);
  }

  get bytes(): number {
    return this.bytesHeld;
  }

  get count(): number {
    const first = this.segments[0];
    return first === undefined ? 0 : this.nextSeq - first.firstSeq;
  }

  has(key: string): boolean {
    return this.keys.has(key);
  }

  /**
   * Appends a message and returns its frame, or undefined when a message with the same key is in the window:
   * then only the position is kept. Offsets must grow.
   */
  append(message: WindowMessage): Uint8Array | undefined {
    if (this.keys.has(message.key)) {
      this.skip(message);
      return undefined;
    }
    const { audience } = message;
    const chain = chainOf(audience);
    const head = this.heads.get(chain);
    const frame = this.add(
      {
        offset: message.offset,
        timestamp: message.timestamp,
        time: message.time,
        expiresAt: message.expiresAt,
        chain,
        back: head === undefined ? 0 : this.nextSeq - head,
        audience:
          audience.kind === 'multicast' || audience.clientType !== '' ? audience : undefined,
        key: message.key,
      },
      message.parts,
    );
    this.keys.set(message.key, message.offset);
    this.heads.set(chain, this.nextSeq - 1);
    return frame;
  }

  /** Takes note of an entry that goes to nobody, so that its offset and identity are known. */
  skip({ offset, timestamp, time }: WindowPosition): void {
    this.add(
      {
        offset,
        timestamp,
        time,
        expiresAt: 0,
        chain: undefined,
        back: 0,
        audience: undefined,
        key: undefined,
      },
      [],
    );
  }

  /** Drops what is older than the limits allow; `now` in ms since epoch. */
  trim(now: number): void {
    const horizon = now - this.limits.maxAge;
    for (;;) {
      const first = this.segments[0];
      if (first === undefined || first.count === 0) return;
      const tooOld = first.time(first.count - 1) < horizon;
      const tooBig = this.bytesHeld > this.limits.maxBytes && this.segments.length > 1;
      if (!tooOld && !tooBig) return;
      this.dropFirst(first);
    }
  }

  /** Forgets everything, and that there ever was something before `offset + 1`. */
  clear(at: WindowPosition | undefined): void {
    this.segments = [];
    this.heads.clear();
    this.keys.clear();
    this.bytesHeld = 0;
    this.end = undefined;
    this.base = at?.offset ?? -1;
    this.baseTimestamp = at?.timestamp ?? 0;
  }

  /**
   * What a reader at `cursor` would miss, undefined when nothing. The cursor must not be ahead of the end
   * unless it is of another log.
   */
  gapAt(cursor: Cursor): Gap | undefined {
    const end = this.end;
    if (end === undefined) return undefined;
    if (cursor.offset > end.offset) return { from: cursor, to: this.start, reason: 'OTHER_LOG' };
    if (cursor.offset < this.base) return { from: cursor, to: this.start, reason: 'WINDOW_PASSED' };
    const timestamp = this.timestampAt(cursor.offset);
    // 0 on either side says nothing about the log: entries of other producers may carry no time.
    if (!timestamp || cursor.timestamp === 0 || timestamp === cursor.timestamp) return undefined;
    return { from: cursor, to: this.start, reason: 'OTHER_LOG' };
  }

  /**
   * The frames for `to` with offsets above `after`, not expired at `now`, as many as fit in `budget` bytes
   * (one at least). `except` leaves out what that subscription has received already.
   */
  replay(
    to: Subscription,
    after: number,
    budget: number,
    now: number,
    except?: Subscription,
  ): Replay {
    const upTo = this.end?.offset ?? after;
    const found = this.collect(to, after);
    const frames = new FrameRun();
    for (const seq of found) {
      const segment = this.segmentOf(seq);
      if (segment === undefined) continue;
      const i = seq - segment.firstSeq;
      if (segment.expired(i, now) || !isWanted(segment, i, to, except)) continue;
      if (frames.bytes > 0 && frames.bytes + segment.size(i) > budget) {
        return { ...frames.end(), upTo: segment.offset(i) - 1, complete: false };
      }
      frames.add(segment, i);
    }
    return { ...frames.end(), upTo, complete: true };
  }

  private add(entry: Parameters<Segment['add']>[0], parts: readonly Uint8Array[]): Uint8Array {
    let need = 0;
    for (const part of parts) need += part.length;
    let segment = this.segments.at(-1);
    if (segment === undefined) {
      this.base = Math.max(this.base, entry.offset - 1);
    }
    if (!segment?.hasRoom(need)) {
      segment = new Segment(this.nextSeq, need);
      this.segments.push(segment);
      this.bytesHeld += segment.bytes;
    }
    this.nextSeq += 1;
    this.end = new Cursor(entry.offset, entry.timestamp);
    return segment.add(entry, parts);
  }

  private dropFirst(segment: Segment): void {
    const last = segment.count - 1;
    this.base = segment.offset(last);
    this.baseTimestamp = segment.timestamp(last);
    this.bytesHeld -= segment.bytes;
    this.segments.shift();
    for (let i = 0; i < segment.count; i += 1) {
      const chain = segment.chains[i];
      if (chain !== undefined && this.heads.get(chain) === segment.firstSeq + i)
        this.heads.delete(chain);
      const key = segment.keys[i];
      if (key !== undefined) this.keys.delete(key);
    }
  }

  /** Sequence numbers of the three chains that can concern the subscriber, oldest first. */
  private collect(to: Subscription, after: number): readonly number[] {
    const found: number[] = [];
    this.walk(unicastChain(to.uniqueId), after, found);
    const one = found.length;
    this.walk(BROADCAST, after, found);
    this.walk(MULTICAST, after, found);
    if (found.length === one) return found.reverse();
    return found.sort((a, b) => a - b);
  }

  private walk(chain: string, after: number, found: number[]): void {
    let seq = this.heads.get(chain);
    while (seq !== undefined) {
      const segment = this.segmentOf(seq);
      if (segment === undefined) return;
      const i = seq - segment.firstSeq;
      if (segment.offset(i) <= after) return;
      found.push(seq);
      const back = segment.back(i);
      seq = back === 0 ? undefined : seq - back;
    }
  }

  private segmentOf(seq: number): Segment | undefined {
    return this.find((segment) => {
      if (seq < segment.firstSeq) return -1;
      return seq < segment.firstSeq + segment.count ? 0 : 1;
    });
  }

  private timestampAt(offset: number): number | undefined {
    if (offset === this.base) return this.baseTimestamp;
    const segment = this.find((one) => {
      if (offset < one.offset(0)) return -1;
      return offset <= one.offset(one.count - 1) ? 0 : 1;
    });
    if (segment === undefined) return undefined;
    const i = segment.indexAfter(offset) - 1;
    return segment.offset(i) === offset ? segment.timestamp(i) : undefined;
  }

  /** The segment that is neither too late (-1) nor too early (1). */
  private find(side: (segment: Segment) => number): Segment | undefined {
    let low = 0;
    let high = this.segments.length - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      const segment = this.segments[middle];
      if (segment === undefined) return undefined;
      const where = side(segment);
      if (where === 0) return segment;
      if (where < 0) high = middle - 1;
      else low = middle + 1;
    }
    return undefined;
  }
}

/** Gathers frames; those that lie side by side in a segment become one array. */
class FrameRun {
  private readonly frames: Uint8Array[] = [];
  private segment: Segment | undefined;
  private from = 0;
  private to = 0;
  private count = 0;
  bytes = 0;

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

function chainOf(audience: Audience): string {
  switch (audience.kind) {
    case 'unicast':
      return unicastChain(audience.uniqueId);
    case 'multicast':
      return MULTICAST;
    case 'broadcast':
      return BROADCAST;
  }
}

function unicastChain(uniqueId: string): string {
  return `u${uniqueId}`;
}

function isWanted(segment: Segment, i: number, to: Subscription, except?: Subscription): boolean {
  return addressed(segment, i, to) && !(except !== undefined && concerns(segment, i, except));
}

/** The chain says whom an entry is for, unless it has an audience of its own. */
function addressed(segment: Segment, i: number, to: Subscription): boolean {
  const audience = segment.audience(i);
  return audience === undefined || reaches(audience, to);
}

function concerns(segment: Segment, i: number, who: Subscription): boolean {
  const chain = segment.chains[i];
  const candidate =
    chain === BROADCAST || chain === MULTICAST || chain === unicastChain(who.uniqueId);
  return candidate && addressed(segment, i, who);
}
