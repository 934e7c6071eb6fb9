import { Delivery } from '../../../src/application/delivery/delivery';
import { Subscriber } from '../../../src/application/delivery/subscriber';
import { Window } from '../../../src/domain/log/window';
import type { Audience, Subscription } from '../../../src/domain/routing/audience';
import { FakeClock } from '../../support/fake-clock';
import { RecordingMetrics } from '../../support/recording-metrics';

const EVERYBODY: Audience = { kind: 'broadcast', clientType: '' };
const MAX_BUFFERED = 100_000;

function somebody(uniqueId: string): Subscription {
  return { uniqueId, clientType: 'H5', tags: new Set(), businesses: new Set() };
}

function only(uniqueId: string): Audience {
  return { kind: 'unicast', uniqueId, clientType: '' };
}

/** A socket that takes what it is given when the test says so. */
class Channel {
  readonly isOpen = true;
  readonly frames: string[] = [];
  buffered = 0;

  write(chunks: readonly Uint8Array[]): void {
    for (const chunk of chunks) {
      this.buffered += chunk.length;
      this.frames.push(...Buffer.from(chunk).toString().split(';').filter(Boolean));
    }
  }
}

/** A log, its delivery and one connection. */
class Node {
  readonly window = new Window({ maxAge: 60_000, maxBytes: 64 * 1024 * 1024 });
  readonly channel = new Channel();
  readonly metrics = new RecordingMetrics();
  readonly clock = new FakeClock();
  private readonly delivery = new Delivery(this.window, this.clock, this.metrics, MAX_BUFFERED);
  private offset = 1;
  private readonly subscriber: Subscriber;

  /** `position`: where it connects; the log begins behind 0. */
  constructor(uniqueId: string, position = 0) {
    this.window.skip({ offset: 0, timestamp: 5000, time: this.clock.now() });
    const receiver = { channel: this.channel, gapFrame: () => Buffer.from('gap;') };
    this.subscriber = new Subscriber(somebody(uniqueId), receiver, position);
  }

  get reached(): number {
    return this.subscriber.reached;
  }

  attach(): void {
    this.delivery.attach(this.subscriber);
  }

  log(audience: Audience, text: string): void {
    this.bring(audience, text);
    this.delivery.flush();
  }

  /** As `log`, within a tick that goes on. */
  bring(audience: Audience, text: string): void {
    const offset = this.offset++;
    const parts = [Buffer.from(`${text};`)];
    const id = `id-${String(offset)}`;
    const common = { offset, timestamp: 5000 + offset, time: this.clock.now(), expiresAt: 0 };
    const frame = this.window.append({ ...common, id, sender: undefined, audience, parts });
    if (frame !== undefined) this.delivery.deliver(audience, frame);
  }

  /** Time passes, in which the window forgets what it has. */
  forget(): void {
    this.clock.advance(61_000);
    this.delivery.flush();
  }

  become(uniqueId: string, from: number): void {
    this.delivery.resubscribe(this.subscriber, somebody(uniqueId), from);
  }

  drain(): void {
    this.channel.buffered = 0;
    this.delivery.resume(this.subscriber);
  }
}

describe('a connection that becomes somebody else', () => {
  it('gets what that one has missed and it was not sent itself, and then what comes', () => {
    const node = new Node('anonymous');
    node.attach();
    node.log(EVERYBODY, 'a');
    node.log(only('user'), 'b');
    node.log(only('anonymous'), 'c');
    node.become('user', 0);
    node.log(EVERYBODY, 'd');
    node.log(only('anonymous'), 'e');
    node.log(only('user'), 'f');
    expect(node.channel.frames).toEqual(['a', 'c', 'b', 'd', 'f']);
  });

  it('gets a long past as its socket takes it, in order and nothing twice', () => {
    const node = new Node('anonymous');
    node.attach();
    const past: string[] = [];
    for (let i = 0; i < 300; i += 1) {
      const text = `${String(i)}-${'x'.repeat(10_000)}`;
      node.log(only('user'), text);
      past.push(text);
      if (i % 100 === 50) node.log(EVERYBODY, `all-${String(i)}`);
    }
    const before = node.channel.frames.length;
    node.channel.buffered = 0;
    node.become('user', 0);
    expect(node.channel.buffered).toBeLessThan(MAX_BUFFERED + 400_000);
    node.log(EVERYBODY, 'meanwhile');
    for (let i = 0; i < 100 && node.channel.buffered > 0; i += 1) node.drain();
    expect(node.channel.frames.slice(before)).toEqual([...past, 'meanwhile']);
  });

  it('is not sent twice what it was sent before it fell behind', () => {
    const node = new Node('anonymous');
    node.attach();
    node.log(only('user'), 'a');
    node.log(EVERYBODY, 'b');
    node.log(only('anonymous'), 'x'.repeat(2 * MAX_BUFFERED));
    node.log(EVERYBODY, 'c');
    // It lags: `c` was not sent yet.
    node.become('user', 0);
    expect(node.reached).toBe(3);
    node.drain();
    expect(node.channel.frames.map((text) => text.slice(0, 1))).toEqual(['b', 'x', 'a', 'c']);
  });

  it('remembers what it was sent as each of those that it was', () => {
    const node = new Node('u1');
    node.attach();
    node.log(EVERYBODY, 'a');
    node.log(only('u3'), 'b');
    node.become('u2', 2);
    node.log(EVERYBODY, 'c');
    node.log(only('u3'), 'd');
    node.become('u3', 0);
    expect(node.channel.frames).toEqual(['a', 'c', 'b', 'd']);
  });

  it('goes on behind a gap that it was told of when it lags, and is not told again', () => {
    const node = new Node('anonymous');
    node.attach();
    node.log(EVERYBODY, 'x'.repeat(2 * MAX_BUFFERED));
    node.log(EVERYBODY, 'lost');
    node.forget();
    node.log(EVERYBODY, 'b');
    const { start } = node.window;
    expect(start.offset).toBe(2);
    node.become('user', start.offset);
    node.drain();
    node.log(only('user'), 'c');
    expect(node.channel.frames.slice(1)).toEqual(['b', 'c']);
  });

  it('gets what was for everybody before it came, when the other one began earlier', () => {
    const node = new Node('late', 1);
    node.log(EVERYBODY, 'a');
    node.attach();
    node.log(EVERYBODY, 'b');
    node.become('user', 0);
    expect(node.channel.frames).toEqual(['b', 'a']);
  });
});

describe('the count of deliveries', () => {
  it('is of every message that a socket was given: on a replay, alone, for all, and mixed in one tick', () => {
    const node = new Node('u1');
    const counted = (): number => node.metrics.total('framesDelivered');
    node.log(only('u1'), 'past');
    node.log(only('u2'), 'of somebody else');
    node.attach();
    expect(counted()).toBe(1);
    node.log(only('u1'), 'alone');
    expect(counted()).toBe(2);
    node.log(EVERYBODY, 'for all');
    expect(counted()).toBe(3);
    for (const text of ['x', 'y']) node.bring(EVERYBODY, text);
    node.bring(only('u1'), 'between');
    node.log(EVERYBODY, 'z');
    expect(counted()).toBe(7);
    expect(node.channel.frames).toEqual(['past', 'alone', 'for all', 'x', 'y', 'between', 'z']);
  });

  it('is of gaps and pauses, too', () => {
    const node = new Node('u1');
    node.log(only('u1'), 'old');
    node.clock.advance(120_000);
    node.window.trim(node.clock.now());
    node.log(only('u1'), 'new');
    node.attach();
    expect(node.channel.frames).toEqual(['gap', 'new']);
    const counts = (): number[] => [node.metrics.total('gaps'), node.metrics.total('pauses')];
    expect(counts()).toEqual([1, 0]);
    node.log(only('u1'), 'x'.repeat(2 * MAX_BUFFERED));
    expect(counts()).toEqual([1, 1]);
    node.drain();
    expect(counts()).toEqual([1, 1]);
  });
});
