import type { Gap, Window } from '../../domain/log/window';
import type { Audience, Subscription } from '../../domain/routing/audience';
import type { Clock } from '../ports/clock';
import type { Metrics } from '../ports/metrics';
import { AudienceIndex } from './audience-index';
import { NOTHING, type Subscriber } from './subscriber';

/** Bytes that a lagging subscriber is given at a time. */
const REPLAY_BYTES = 262_144;
/** Entries of the window that are looked at for replays in one turn of the event loop, about: half a millisecond. */
const TURN_LOOKS = 8192;
/**
 * Looks that each piece of a replay gets in any case, even when the turn's budget is spent: most who come back together
 * have missed little.
 */
const LEAST_LOOKS = 2048;

/**
 * Writes what the log brings to the sockets of this node. Frames of one tick leave in one write per socket, and
 * those for everybody are laid side by side once for all. A subscriber whose socket holds more than `maxBuffered`
 * bytes stops being live and goes on from its position when the socket has drained. Replays that find little for whom they
 * are for go on in the next turn, so that the others need not wait for them.
 */
export class Delivery {
  private readonly index = new AudienceIndex<Subscriber>();
  private dirty: Subscriber[] = [];
  private shared: Uint8Array[] = [];
  private scheduled = false;
  /**
   * Lagging subscribers that continue in the next turns. The longest-waiting one is finished first: if each got a little
   * per turn, none would finish while more arrives than is looked at.
   */
  private readonly waiting = new Set<Subscriber>();
  private goesOn = false;
  /** Entries that may still be looked at in this turn; at 0, whoever has more to replay waits for `goOn`. */
  private looks = TURN_LOOKS;
  /** When the oldest message of this tick was logged (ms since epoch), where that is known. */
  private loggedAt: number | undefined;
  /** Messages delivered up to the last tick. */
  private delivered = 0;

  constructor(
    private readonly window: Window,
    private readonly clock: Clock,
    private readonly metrics: Metrics,
    private readonly maxBuffered: number,
  ) {}

  /** How many connections a user has at this node. */
  countOf(uniqueId: string): number {
    return this.index.countOf(uniqueId);
  }

  /** Those whom a message for the audience would reach. */
  find(audience: Audience): readonly Subscriber[] {
    const found: Subscriber[] = [];
    this.index.forEach(audience, (subscriber) => found.push(subscriber));
    return found;
  }

  /** How many of those pass a test. */
  count(audience: Audience, test: (subscriber: Subscriber) => boolean): number {
    let count = 0;
    this.index.forEach(audience, (subscriber) => {
      if (test(subscriber)) count += 1;
    });
    return count;
  }

  /**
   * Replays what the subscriber has missed and attaches it to the live end, in one synchronous step as long as its socket
   * takes it and there is little to look at; else it lags, and is attached in the step that ends the replay.
   */
  attach(subscriber: Subscriber): void {
    this.index.add(subscriber);
    this.catchUp(subscriber);
  }

  detach(subscriber: Subscriber): void {
    this.index.remove(subscriber);
    this.waiting.delete(subscriber);
    subscriber.live = false;
    subscriber.out = NOTHING;
  }

  /**
   * Gives the subscriber another identity. What is addressed to that with offsets above `from` is replayed, except what
   * this connection was sent already.
   */
  resubscribe(subscriber: Subscriber, subscription: Subscription, from: number): void {
    const upTo = subscriber.live ? (this.window.last?.offset ?? -1) : subscriber.position;
    this.flush();
    this.index.remove(subscriber);
    subscriber.become(subscription, Math.min(from, upTo), upTo);
    this.index.add(subscriber);
    // A lagging one goes on there, be it behind a gap that it was told of.
    if (!subscriber.live) {
      subscriber.position = from;
      return;
    }
    if (from >= upTo) return;
    subscriber.position = from;
    subscriber.live = false;
    this.catchUp(subscriber);
  }

  /** Queues a frame of the service itself behind what this tick has brought so far. */
  send(subscriber: Subscriber, frame: Uint8Array): void {
    this.put(subscriber, frame);
    this.schedule();
  }

  /**
   * The log brought the newest message of the window, for an audience; `loggedAt` in ms since epoch, where it is known; `wish`:
   * its offset, when it asks for a receipt. Without a recipient here it costs no tick of its own.
   */
  deliver(audience: Audience, loggedAt?: number, wish?: number): void {
    if (this.window.isOverfull) this.schedule();
    if (audience.kind === 'broadcast' && audience.clientType === '') {
      if (this.index.all.size === 0) return;
      this.gather(loggedAt);
      this.shared.push(this.window.newestFrame);
      return;
    }
    let frame: Uint8Array | undefined;
    this.index.forEach(audience, (subscriber) => {
      if (!subscriber.live) return;
      this.gather(loggedAt);
      frame ??= this.window.newestFrame;
      this.put(subscriber, frame);
      if (wish !== undefined) subscriber.sentWish(wish);
      this.metrics.count('framesDelivered');
    });
  }

  /** The log has lost the entries between two positions: everybody who was live is told. */
  hole(gap: Gap): void {
    this.flush();
    for (const subscriber of this.index.all) {
      if (subscriber.live) this.send(subscriber, subscriber.receiver.gapFrame(gap));
    }
    this.metrics.count('logHoles');
  }

  /** The log is another one: every subscriber starts at its beginning, and is told. */
  restart(gap: Gap): void {
    this.flush();
    for (const subscriber of this.index.all) {
      this.send(subscriber, subscriber.receiver.gapFrame(gap));
      subscriber.restart(-1);
    }
    this.metrics.count('logResets');
  }

  /** The socket has drained: a lagging subscriber goes on. */
  resume(subscriber: Subscriber): void {
    if (!subscriber.live && this.index.all.has(subscriber)) this.catchUp(subscriber);
  }

  /** Writes what this tick has gathered; called by itself at the end of the tick. */
  flush(): void {
    this.scheduled = false;
    const { shared, dirty } = this;
    this.shared = [];
    this.dirty = [];
    if (shared.length > 0) this.flushShared(shared);
    for (const subscriber of dirty) this.flushOwn(subscriber, shared);
    const now = this.clock.now();
    this.measure(now);
    this.window.trim(now);
  }

  /** One measurement a tick, that of its oldest message: it costs nothing by the message. */
  private measure(now: number): void {
    const { loggedAt, delivered } = this;
    this.loggedAt = undefined;
    this.delivered = this.metrics.total('framesDelivered');
    if (loggedAt !== undefined && this.delivered > delivered)
      this.metrics.time('deliveryLatency', Math.max(0, now - loggedAt));
  }

  private flushShared(shared: readonly Uint8Array[]): void {
    const chunk = [lay(shared)];
    for (const subscriber of this.index.all) {
      if (subscriber.live && !subscriber.dirty) this.write(subscriber, chunk, shared.length);
    }
  }

  private flushOwn(subscriber: Subscriber, shared: readonly Uint8Array[]): void {
    const { out, taken } = subscriber;
    subscriber.out = NOTHING;
    subscriber.taken = 0;
    subscriber.dirty = false;
    const rest = subscriber.live && taken < shared.length ? shared.slice(taken) : [];
    this.write(subscriber, rest.length === 0 ? out : [...out, ...rest], rest.length);
  }

  private put(subscriber: Subscriber, frame: Uint8Array): void {
    this.touch(subscriber);
    if (subscriber.live && subscriber.taken < this.shared.length) {
      const before = this.shared.slice(subscriber.taken);
      if (subscriber.out === NOTHING) subscriber.out = before;
      else for (const one of before) subscriber.out.push(one);
      this.metrics.count('framesDelivered', before.length);
      subscriber.taken = this.shared.length;
    }
    if (subscriber.out === NOTHING) subscriber.out = [frame];
    else subscriber.out.push(frame);
  }

  private touch(subscriber: Subscriber): void {
    if (subscriber.dirty) return;
    subscriber.dirty = true;
    this.dirty.push(subscriber);
  }

  private catchUp(subscriber: Subscriber): void {
    for (;;) {
      if (subscriber.position < this.window.start.offset) this.skipGap(subscriber);
      const replay = this.window.replay(
        subscriber.subscription,
        subscriber.position,
        REPLAY_BYTES,
        this.clock.now(),
        {
          rest: subscriber.rest,
          received: subscriber.received,
          looks: Math.max(this.looks, LEAST_LOOKS),
        },
      );
      this.spend(replay.looked);
      subscriber.position = replay.upTo;
      subscriber.rest = replay.rest;
      for (const offset of replay.wishes) subscriber.sentWish(offset);
      this.write(subscriber, replay.frames, replay.count);
      if (!this.takesMore(subscriber)) return;
      if (replay.complete) break;
      if (this.looks <= 0) {
        // One that waits already keeps its place.
        this.waiting.add(subscriber);
        return;
      }
    }
    subscriber.live = true;
    subscriber.liveSince = this.clock.now();
    if (this.scheduled) {
      // The replay held what this tick has gathered for everybody so far.
      subscriber.taken = this.shared.length;
      this.touch(subscriber);
    }
  }

  private skipGap(subscriber: Subscriber): void {
    const { start } = this.window;
    const from = this.window.positionAt(subscriber.position);
    subscriber.position = start.offset;
    this.metrics.count('gaps');
    const frame = subscriber.receiver.gapFrame({ from, to: start, reason: 'WINDOW_PASSED' });
    subscriber.receiver.channel.write([frame]);
  }

  private write(subscriber: Subscriber, chunks: readonly Uint8Array[], messages: number): void {
    if (chunks.length === 0) return;
    const { channel } = subscriber.receiver;
    channel.write(chunks);
    if (messages > 0) this.metrics.count('framesDelivered', messages);
    if (subscriber.live && channel.buffered > this.maxBuffered) {
      subscriber.live = false;
      subscriber.position = this.window.last?.offset ?? -1;
      this.metrics.count('pauses');
    }
  }

  private gather(loggedAt: number | undefined): void {
    this.loggedAt ??= loggedAt;
    this.schedule();
  }

  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    setImmediate(() => {
      if (this.scheduled) this.flush();
    });
  }

  /** The next turn has all its looks again. */
  private spend(looked: number): void {
    this.looks -= looked;
    if (looked > 0) this.goOnNext();
  }

  private goOnNext(): void {
    if (this.goesOn) return;
    this.goesOn = true;
    setImmediate(() => {
      this.goesOn = false;
      this.goOn();
    });
  }

  /** One whose socket is full leaves the list; its drain continues it. */
  private goOn(): void {
    this.looks = TURN_LOOKS;
    for (const subscriber of this.waiting) {
      // What was spent has asked for the next turn.
      if (this.looks <= 0) return;
      if (this.takesMore(subscriber)) this.resume(subscriber);
      if (subscriber.live || !this.takesMore(subscriber)) this.waiting.delete(subscriber);
    }
  }

  private takesMore({ receiver }: Subscriber): boolean {
    return receiver.channel.buffered <= this.maxBuffered;
  }
}

function lay(frames: readonly Uint8Array[]): Uint8Array {
  const [only] = frames;
  if (frames.length === 1 && only !== undefined) return only;
  return Buffer.concat(frames);
}
