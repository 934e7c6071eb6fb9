import { Delivery } from '../../../src/application/delivery/delivery';
import { Subscriber } from '../../../src/application/delivery/subscriber';
import { Cursor } from '../../../src/domain/log/cursor';
import { Window } from '../../../src/domain/log/window';
import type { Audience, Subscription } from '../../../src/domain/routing/audience';
import { frameOf } from '../../support/bare-frames';
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

interface Connection {
  readonly uniqueId: string;
  readonly channel: Channel;
  readonly isLive: boolean;
  attach(): void;
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
    const gapFrame = (): Buffer => Buffer.from('gap;');
    const receiver = { channel: this.channel, acknowledges: true, gapFrame };
    this.subscriber = new Subscriber(somebody(uniqueId), receiver, position);
  }

  get reached(): number {
    return this.subscriber.reached;
  }

  attach(): void {
    this.delivery.attach(this.subscriber);
  }

  detach(): void {
    this.delivery.detach(this.subscriber);
  }

  /** One more connection to the same node. */
  another(uniqueId: string, position: number): Connection {
    const channel = new Channel();
    const receiver = { channel, acknowledges: true, gapFrame: () => Buffer.from('gap;') };
    const subscriber = new Subscriber(somebody(uniqueId), receiver, position);
    const attach = (): void => {
      this.delivery.attach(subscriber);
    };
    return {
      uniqueId,
      channel,
      get isLive(): boolean {
        return subscriber.live;
      },
      attach,
    };
  }

  /** The log has lost the entry that would come next. */
  lose(): void {
    const upTo = new Cursor(this.offset++ + 0.999, 0);
    this.delivery.hole({ from: this.window.last ?? upTo, to: upTo, reason: 'LOG_HOLE' });
    this.window.lose(upTo, this.clock.now());
  }

  log(audience: Audience, text: string): void {
    this.bring(audience, text);
    this.delivery.flush();
  }

  /** As `log`, within a tick that goes on. */
  bring(audience: Audience, text: string): void {
    const offset = this.offset++;
    const frame = frameOf(`${text};`);
    const id = `id-${String(offset)}`;
    const at = { offset, timestamp: 5000 + offset, time: this.clock.now() };
    const common = { ...at, expiresAt: 0, receipt: false, late: false };
    const isNew = this.window.append({ ...common, id, sender: undefined, audience, frame });
    if (isNew) this.delivery.deliver(audience);
  }

  /** Time passes, in which the window forgets what it has. */
  forget(): void {
    this.clock.advance(61_000);
    this.delivery.flush();
  }

  /** Logs entries of which the connection gets none, although each has to be looked at. */
  logForOthers(count: number): void {
    for (let i = 0; i < count; i += 1) {
      const tags = [`t${String(i % 100)}`];
      this.bring({ kind: 'multicast', tags, businesses: [], clientType: '' }, 'x');
    }
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

describe('a connection that comes to many messages for others', () => {
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

  it('gets what is for it, and what comes meanwhile, in later turns, in order and once', async () => {
    const node = new Node('user');
    node.log(only('user'), 'a');
    node.logForOthers(60_000);
    node.log(only('user'), 'b');
    node.attach();
    // Not all in one piece, during which nobody else would be served.
    expect(node.channel.frames).toEqual(['a']);
    const expected = ['a', 'b'];
    let turns = 0;
    for (; node.reached < 60_002 && turns < 100; turns += 1) {
      const text = `meanwhile-${String(turns)}`;
      node.log(turns % 2 ? EVERYBODY : only('user'), text);
      node.log(only('somebody'), 'x');
      expected.push(text);
      await turn();
    }
    await turn();
    node.log(EVERYBODY, 'live');
    expect(node.channel.frames).toEqual([...expected, 'live']);
    expect(turns).toBeGreaterThan(4);
    expect(turns).toBeLessThan(15);
  });

  it('goes on although its socket drains meanwhile, and not while that is full', async () => {
    const node = new Node('user');
    node.logForOthers(30_000);
    node.log(only('user'), 'a');
    node.attach();
    node.drain();
    node.channel.buffered = MAX_BUFFERED + 1;
    const before = node.reached;
    for (let i = 0; i < 10; i += 1) await turn();
    expect(node.reached).toBe(before);
    node.drain();
    for (let i = 0; i < 10; i += 1) await turn();
    expect(node.channel.frames).toEqual(['a']);
    node.log(EVERYBODY, 'b');
    expect(node.channel.frames).toEqual(['a', 'b']);
  });

  it('shares what a turn looks at with others, of whom nobody waits who has missed little', async () => {
    const node = new Node('user');
    node.logForOthers(30_000);
    const others = ['u1', 'u2', 'u3', 'u4'].map((uniqueId, k) => node.another(uniqueId, 8000 * k));
    for (const other of others) node.log(only(other.uniqueId), other.uniqueId);
    for (const other of others) other.attach();
    const late = node.another('late', 29_000);
    node.log(only('late'), 'missed');
    late.attach();
    expect(late.channel.frames).toEqual(['missed']);
    node.log(EVERYBODY, 'all');
    expect(late.channel.frames).toEqual(['missed', 'all']);
    expect(others.flatMap(({ channel }) => channel.frames)).toEqual([]);
    let turns = 0;
    while (others.some(({ channel }) => channel.frames.length === 0) && turns < 100) {
      turns += 1;
      await turn();
    }
    await turn();
    for (const { uniqueId, channel } of others) expect(channel.frames).toEqual([uniqueId, 'all']);
    expect(turns).toBeGreaterThan(4);
  });

  it('is live some time, however many wait, while more comes than the turns could look at for all', async () => {
    const node = new Node('user');
    node.logForOthers(30_000);
    const waiting = Array.from({ length: 12 }, (_, k) => node.another(`u${String(k)}`, 0));
    for (const one of waiting) one.attach();
    let turns = 0;
    for (; waiting.some(({ isLive }) => !isLive) && turns < 200; turns += 1) {
      node.logForOthers(1000);
      await turn();
    }
    expect(waiting.filter(({ isLive }) => !isLive).map(({ uniqueId }) => uniqueId)).toEqual([]);
    node.log(EVERYBODY, 'live');
    for (const { channel } of waiting) expect(channel.frames).toEqual(['live']);
  });

  it('lets the others go on while its socket is full, and when it has gone', async () => {
    const node = new Node('user');
    node.logForOthers(30_000);
    const [full, next] = [node.another('full', 0), node.another('next', 0)];
    node.attach();
    for (const one of [full, next]) one.attach();
    full.channel.buffered = MAX_BUFFERED + 1;
    await turn();
    node.detach();
    for (let i = 0; i < 10; i += 1) await turn();
    expect([full.isLive, next.isLive]).toEqual([false, true]);
  });

  it('is live at once in a later turn, whatever the turns before have looked at', async () => {
    const node = new Node('user');
    node.logForOthers(6000);
    for (let k = 0; k < 10; k += 1) {
      const early = node.another(`early-${String(k)}`, 5000);
      early.attach();
      expect(early.isLive).toBe(true);
    }
    await turn();
    const late = node.another('late', 0);
    late.attach();
    expect(late.isLive).toBe(true);
  });

  it('gets its turn when the one before it has ended with the last that a turn looks at', async () => {
    const node = new Node('user');
    node.logForOthers(2048 + 8150);
    node.log(EVERYBODY, 'a');
    const connections = ['u1', 'u2', 'u3', 'u4'].map((uniqueId) => node.another(uniqueId, 0));
    for (const connection of connections) connection.attach();
    for (let i = 0; i < 10; i += 1) await turn();
    expect(connections.map(({ channel }) => channel.frames)).toEqual([['a'], ['a'], ['a'], ['a']]);
  });

  it('gets nothing more when it has gone', async () => {
    const node = new Node('user');
    node.logForOthers(30_000);
    node.log(only('user'), 'a');
    node.attach();
    node.detach();
    for (let i = 0; i < 10; i += 1) await turn();
    expect(node.channel.frames).toEqual([]);
  });

  it('is somebody else in the middle of it, and gets what is for that one', async () => {
    const node = new Node('anonymous');
    node.logForOthers(30_000);
    node.log(only('user'), 'a');
    node.log(only('anonymous'), 'b');
    node.attach();
    node.become('user', 0);
    for (let i = 0; i < 20; i += 1) await turn();
    node.log(only('user'), 'c');
    expect(node.channel.frames).toEqual(['a', 'c']);
  });

  it('is told of a gap when the window passes it meanwhile', async () => {
    const node = new Node('user');
    node.logForOthers(30_000);
    node.attach();
    node.lose();
    for (let i = 0; i < 10; i += 1) await turn();
    node.log(EVERYBODY, 'a');
    expect(node.channel.frames).toEqual(['gap', 'a']);
  });
});
