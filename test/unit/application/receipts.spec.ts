import { Logger } from '@nestjs/common';

import type { Subscriber } from '../../../src/application/delivery/subscriber';
import type { LogFollower } from '../../../src/application/log/log-follower';
import { LogWriter, type NewEntry } from '../../../src/application/ports/message-log';
import { type Routing, UpstreamPublisher } from '../../../src/application/ports/upstream';
import { Receipts } from '../../../src/application/receipts/receipts';
import { Refusal } from '../../../src/domain/errors';
import { Cursor } from '../../../src/domain/log/cursor';
import type { Message } from '../../../src/domain/message/message';
import { Partitions } from '../../../src/domain/routing/partitions';
import { eventually } from '../../support/eventually';
import type { FakeClock } from '../../support/fake-clock';
import { aMessage } from '../../support/message.builder';
import { ReadingNode } from '../../support/reading-node';
import type { RecordingMetrics } from '../../support/recording-metrics';

const SENDER = { kind: 'client', uniqueId: 'sender', clientType: 'APP' } as const;
const UNAVAILABLE = new Refusal('UNAVAILABLE');

/** Turns of the event loop, in which receipts are given. */
async function turnsOfTheLoop(count = 50): Promise<void> {
  for (let i = 0; i < count; i += 1) await new Promise(setImmediate);
}

class Upstream extends UpstreamPublisher {
  readonly published: Message[] = [];
  failure: Refusal | undefined;

  override publish(message: Message): Promise<Routing> {
    if (this.failure !== undefined) return Promise.reject(this.failure);
    this.published.push(message);
    return Promise.resolve('unroutable');
  }
}

/** The log of a node that reads what it writes, and one client of it. */
class Node extends LogWriter {
  override readonly blocked = false;
  readonly upstream = new Upstream();
  readonly receipts: Receipts;
  readonly client: Subscriber;
  readonly written: Message[] = [];
  failure: Refusal | undefined;
  /** What is appended stays on its way. */
  holds = false;
  private readonly reading: ReadingNode;

  constructor(partitions = Partitions.NONE) {
    super();
    this.reading = new ReadingNode(partitions);
    const { follower, clock, metrics } = this.reading;
    this.receipts = new Receipts(follower, this, this.upstream, partitions, clock, metrics);
    this.client = this.connect('reader', -1);
  }

  get follower(): LogFollower {
    return this.reading.follower;
  }

  get clock(): FakeClock {
    return this.reading.clock;
  }

  get metrics(): RecordingMetrics {
    return this.reading.metrics;
  }

  /** Bytes in each client's socket. */
  set buffered(bytes: number) {
    this.reading.buffered = bytes;
  }

  connect(...how: Parameters<ReadingNode['connect']>): Subscriber {
    return this.reading.connect(...how);
  }

  override append(entry: NewEntry): Promise<void> {
    if (this.failure !== undefined) return Promise.reject(this.failure);
    if (this.holds) return new Promise(() => undefined);
    if (entry.kind !== 'message') return Promise.reject(new Error('only messages'));
    this.written.push(entry.message);
    this.reading.read(entry.message);
    return Promise.resolve();
  }

  /** A message for the client; returns its position. */
  brings(
    id: string,
    over: Parameters<typeof aMessage>[0] = {},
    origin?: Message['origin'],
  ): Cursor {
    const body = { toUniqueId: 'reader', receipt: true, messageId: id, ...over };
    return this.reading.read(aMessage(body, origin, this.clock.now()));
  }

  /** So many messages for the client, m0 and so on; returns the position of the last. */
  bringsMany(count: number): Cursor {
    for (let i = 0; i < count - 1; i += 1) this.brings(`m${String(i)}`);
    return this.brings(`m${String(count - 1)}`);
  }

  acknowledges(upTo: Cursor): void {
    this.receipts.acknowledge(this.client, upTo);
  }

  restart(): void {
    this.reading.restart();
  }

  becomes(uniqueId: string, from: number): void {
    const subscription = { ...this.client.subscription, uniqueId };
    this.follower.delivery.resubscribe(this.client, subscription, from);
  }

  recordOf(id: string): object | undefined {
    const held = this.follower.window.find(id);
    return held && this.receipts.of(held);
  }

  /** Ids of the messages that receipts were given for. */
  get given(): unknown[] {
    return this.written.map(({ body }) => body.correlationId);
  }

  /** The same, and who gave them. */
  get givers(): unknown[] {
    return this.written.map(({ body }) => [body.correlationId, body.fromUniqueId]);
  }
}

describe('receipts', () => {
  it('tell a client, and no backend, of the message of a client', async () => {
    const node = new Node();
    node.acknowledges(node.brings('m1', {}, SENDER));
    await turnsOfTheLoop();
    expect(node.written.map(({ body }) => body)).toEqual([
      {
        sendType: 'UNICAST',
        messageType: 'SERVER_TO_CLIENT',
        businessType: 'wirepost.receipt',
        fromUniqueId: 'reader',
        fromClientType: 'H5',
        toUniqueId: 'sender',
        toClientType: 'APP',
        timestamp: node.clock.now(),
        content: { businessType: 'order.status', acknowledgedAt: node.clock.now() },
        correlationId: 'm1',
      },
    ]);
    expect(node.upstream.published).toEqual([]);
    expect(node.metrics.total('receiptsGiven')).toBe(1);
  });

  it('tell a backend, and whom it has named as the sender', async () => {
    const node = new Node();
    node.brings('m1');
    node.acknowledges(node.brings('m2', { fromUniqueId: 'shop' }));
    await turnsOfTheLoop();
    expect(node.upstream.published.map(({ body }) => body)).toMatchObject([
      { messageType: 'CLIENT_TO_SERVER', fromUniqueId: 'reader', correlationId: 'm1' },
      { messageType: 'CLIENT_TO_SERVER', fromUniqueId: 'reader', correlationId: 'm2' },
    ]);
    expect(node.upstream.published.map(({ origin }) => origin.kind)).toEqual(['client', 'client']);
    expect(node.written.map(({ audience }) => audience)).toEqual([
      { kind: 'unicast', uniqueId: '', clientType: '' },
      { kind: 'unicast', uniqueId: 'shop', clientType: '' },
    ]);
  });

  it('are given up to what is acknowledged, and once', async () => {
    const node = new Node();
    const first = node.brings('m1');
    node.brings('m2');
    const last = node.brings('m3');
    for (const cursor of [first, first]) {
      node.acknowledges(cursor);
      await turnsOfTheLoop();
      expect(node.given).toEqual(['m1']);
    }
    for (const cursor of [last, first, last]) {
      node.acknowledges(cursor);
      await turnsOfTheLoop();
      expect(node.given).toEqual(['m1', 'm2', 'm3']);
    }
    expect(node.upstream.published).toHaveLength(3);
  });

  it('are one where two clients acknowledge before the first receipt is read', async () => {
    const node = new Node();
    const other = node.connect('reader', -1);
    const cursor = node.brings('m1');
    node.acknowledges(cursor);
    node.receipts.acknowledge(other, cursor);
    await turnsOfTheLoop();
    expect(node.given).toEqual(['m1']);
  });

  it('are given once the broker takes them, whatever it refused, and to the backend once', async () => {
    const node = new Node();
    node.upstream.failure = UNAVAILABLE;
    node.acknowledges(node.brings('m1'));
    await turnsOfTheLoop();
    node.receipts.beat();
    await turnsOfTheLoop();
    expect(node.given).toEqual([]);
    node.upstream.failure = undefined;
    node.failure = new Refusal('UNKNOWN_OUTCOME');
    for (let beat = 0; beat < 3; beat += 1) {
      node.receipts.beat();
      await turnsOfTheLoop();
    }
    expect(node.upstream.published).toHaveLength(1);
    expect(node.metrics.total('receiptsGiven')).toBe(0);
    node.failure = undefined;
    node.receipts.beat();
    await turnsOfTheLoop();
    expect(node.given).toEqual(['m1']);
    node.receipts.beat();
    await turnsOfTheLoop();
    expect(node.given).toEqual(['m1']);
    expect(node.upstream.published).toHaveLength(1);
  });

  it('wait in the log while many are on their way, and none is left out', async () => {
    const node = new Node();
    const ids = Array.from({ length: 3000 }, (_, i) => `m${String(i)}`);
    node.failure = UNAVAILABLE;
    node.acknowledges(node.bringsMany(3000));
    await turnsOfTheLoop(300);
    // No more than 1000 are tried.
    expect(node.upstream.published).toHaveLength(1000);
    node.failure = undefined;
    node.receipts.beat();
    await eventually(() => {
      expect(node.given).toHaveLength(3000);
    });
    expect(node.given).toEqual(ids);
  });

  it('leave the event loop to others', async () => {
    const node = new Node();
    const last = node.bringsMany(1000);
    node.acknowledges(last);
    await new Promise(setImmediate);
    expect(node.given.length).toBeLessThan(100);
    await eventually(() => {
      expect(node.given).toHaveLength(1000);
    });
  });

  it('are given for what was sent in time, and not for what expired before it could be', async () => {
    const node = new Node();
    const soon = (): object => ({ timestamp: node.clock.now(), ttl: 500 });
    node.brings('too-late', { timestamp: node.clock.now() - 1000, ttl: 500 });
    node.brings('in-time', soon());
    node.buffered = 10_000;
    node.brings('fills-the-socket');
    node.brings('expires-while-the-client-lags', soon());
    node.clock.advance(1000);
    node.buffered = 0;
    node.follower.delivery.resume(node.client);
    node.acknowledges(node.brings('last'));
    await turnsOfTheLoop();
    expect(node.given).toEqual(['in-time', 'fills-the-socket', 'last']);
  });

  it('are given for what has expired since it was sent', async () => {
    const node = new Node();
    const cursor = node.brings('m1', { timestamp: node.clock.now(), ttl: 500 });
    node.clock.advance(10_000);
    node.acknowledges(cursor);
    await turnsOfTheLoop();
    expect(node.given).toEqual(['m1']);
  });

  it('are not given for a position of another log', async () => {
    const error = jest.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
    const node = new Node();
    const { offset } = node.brings('m1');
    node.acknowledges(new Cursor(offset, 4711));
    await turnsOfTheLoop();
    expect(node.given).toEqual([]);
    node.follower.reset();
    node.acknowledges(new Cursor(offset, node.clock.now()));
    await turnsOfTheLoop();
    expect(node.given).toEqual([]);
    node.acknowledges(node.brings('m2'));
    await turnsOfTheLoop();
    expect(node.given).toEqual(['m2']);
    error.mockRestore();
  });

  it('are given to the type that a message is for, and for no message to another user', async () => {
    const node = new Node();
    node.brings('for-the-app', { toClientType: 'APP' });
    node.brings('for-another', { toUniqueId: 'other' });
    node.brings('asks-for-none', { receipt: false });
    node.acknowledges(node.brings('m1', { toClientType: 'H5' }));
    await turnsOfTheLoop();
    expect(node.given).toEqual(['m1']);
  });

  it('are given for what a client was sent on a connection before, once it says that it has handled it', async () => {
    const node = new Node();
    const began = node.brings('before-its-session');
    const handled = node.brings('handled');
    const received = node.brings('received');
    node.brings('missed');
    const again = node.connect('reader', received.offset, began.offset);
    await turnsOfTheLoop();
    expect(node.given).toEqual([]);
    node.receipts.acknowledge(again, handled);
    await turnsOfTheLoop();
    expect(node.given).toEqual(['handled']);
    node.receipts.acknowledge(again, node.brings('last'));
    await turnsOfTheLoop();
    expect(node.given).toEqual(['handled', 'received', 'missed', 'last']);
  });

  it('are given for what both identities of a client were sent, each as such', async () => {
    const node = new Node();
    node.brings('m1');
    const before = node.brings('to-the-new-one-before', { toUniqueId: 'new' });
    node.becomes('new', before.offset - 0.5);
    node.brings('to-the-former-one-after');
    node.acknowledges(node.brings('m2', { toUniqueId: 'new' }));
    await turnsOfTheLoop();
    expect(node.givers).toEqual([
      ['m1', 'reader'],
      ['to-the-new-one-before', 'new'],
      ['m2', 'new'],
    ]);
  });

  it('are not given by what a client says of a former identity, for what it has not come to as the later ones', async () => {
    const node = new Node();
    const older = node.brings('to-the-new-one', { toUniqueId: 'new' });
    node.brings('m1');
    const said = node.brings('m2');
    node.brings('m3');
    node.becomes('new', older.offset - 0.5);
    node.becomes('new', older.offset);
    node.acknowledges(said);
    await turnsOfTheLoop();
    expect(node.given).toEqual(['m1', 'm2']);
    // Which of the two says so cannot be told; what comes after the change can.
    node.acknowledges(older);
    await turnsOfTheLoop();
    expect(node.given).toEqual(['m1', 'm2']);
    node.acknowledges(node.brings('m4', { toUniqueId: 'new' }));
    await turnsOfTheLoop();
    expect(node.givers).toEqual([
      ['m1', 'reader'],
      ['m2', 'reader'],
      ['m3', 'reader'],
      ['to-the-new-one', 'new'],
      ['m4', 'new'],
    ]);
  });

  it('are given for what was sent since a client came back and has expired before it was acknowledged', async () => {
    const node = new Node();
    const began = node.brings('m1');
    const received = node.brings('m2');
    const again = node.connect('reader', received.offset, began.offset);
    const cursor = node.brings('m3', { timestamp: node.clock.now(), ttl: 500 });
    node.clock.advance(1000);
    node.receipts.acknowledge(again, cursor);
    await turnsOfTheLoop();
    expect(node.given).toEqual(['m2', 'm3']);
  });

  it('are given by nobody whose messages were of a log that is gone', async () => {
    const error = jest.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
    const node = new Node();
    node.failure = UNAVAILABLE;
    const last = node.bringsMany(1100);
    node.acknowledges(last);
    await turnsOfTheLoop(200);
    node.follower.delivery.detach(node.client);
    node.restart();
    for (let i = 0; i < 1100; i += 1) node.brings(`n${String(i)}`);
    node.failure = undefined;
    node.receipts.beat();
    await turnsOfTheLoop(200);
    expect(node.given).toEqual(Array.from({ length: 1000 }, (_, i) => `m${String(i)}`));
    error.mockRestore();
  });

  it('are given over a renewal of the same identity, before which some were acknowledged', async () => {
    const node = new Node();
    const first = node.brings('m1');
    const second = node.brings('m2');
    node.acknowledges(first);
    await turnsOfTheLoop();
    node.becomes('reader', second.offset);
    node.acknowledges(second);
    await turnsOfTheLoop();
    expect(node.given).toEqual(['m1', 'm2']);
    node.acknowledges(node.brings('m3'));
    await turnsOfTheLoop();
    expect(node.given).toEqual(['m1', 'm2', 'm3']);
  });

  it('are not given for what lies above the acknowledgement, though it became somebody that lagged since', () => {
    const node = new Node();
    const client = node.connect('ann', 0);
    for (const offset of [40, 42, 43]) client.sentWish(offset);
    client.become({ ...client.subscription, uniqueId: 'bob' }, 30, 43);
    // Its replay, which begins further back, has got as far as this.
    client.become({ ...client.subscription, uniqueId: 'cy' }, 30, 35);
    const [wishes, ...others] = client.acknowledge(41, 1);
    expect(others).toEqual([]);
    const next = (): number | undefined => wishes?.next(node.follower.window, { left: 99 });
    expect([wishes?.as.uniqueId, next(), next()]).toEqual(['ann', 40, undefined]);
  });

  it('are given anew for a message with the id of one that is forgotten', async () => {
    const node = new Node();
    node.acknowledges(node.brings('m1'));
    await turnsOfTheLoop();
    node.clock.advance(61_000);
    node.follower.trim();
    const again = node.brings('m1');
    expect(node.recordOf('m1')).toBeUndefined();
    node.acknowledges(again);
    await turnsOfTheLoop();
    expect(node.given).toEqual(['m1', 'm1']);
    expect(node.recordOf('m1')).toMatchObject({ fromUniqueId: 'reader' });
  });

  it('wait for no other user’s, however many those are', async () => {
    const node = new Node();
    const last = node.bringsMany(2000);
    const other = node.connect('other', last.offset);
    const cursor = node.brings('to-another', { toUniqueId: 'other' });
    node.acknowledges(last);
    await turnsOfTheLoop(1);
    node.receipts.acknowledge(other, cursor);
    await turnsOfTheLoop(5);
    expect(node.given).toContain('to-another');
    expect(node.given.length).toBeLessThan(300);
  });

  it('are left to closed connections that come back when too many wait for the broker', async () => {
    const node = new Node();
    node.failure = UNAVAILABLE;
    const last = node.bringsMany(1000);
    node.acknowledges(last);
    await turnsOfTheLoop(200);
    const message = node.brings('to-many', { toUniqueId: 'many' });
    const before = message.offset - 0.5;
    const clients = Array.from({ length: 10_010 }, () => node.connect('many', before));
    for (const client of clients) node.receipts.acknowledge(client, message);
    expect(node.metrics.total('receiptsDeferred')).toBe(0);
    for (const client of clients) node.receipts.leave(client);
    expect(node.metrics.total('receiptsDeferred')).toBe(11);
    node.failure = undefined;
    node.receipts.beat();
    await eventually(() => {
      expect(node.given).toHaveLength(1001);
    });
  });

  it('leave a record where the message is, when its sender is of another partition', async () => {
    const partitions = new Partitions(2, new Partitions(2, 0).of('reader'));
    const node = new Node(partitions);
    const stranger = ['s1', 's2', 's3', 's4'].find(
      (name) => partitions.of(name) !== partitions.own,
    );
    node.acknowledges(node.brings('m1', { fromUniqueId: stranger }));
    await turnsOfTheLoop();
    expect(node.written.map(({ audience }) => audience)).toMatchObject([
      { uniqueId: stranger },
      { uniqueId: '' },
    ]);
    expect(node.recordOf('m1')).toMatchObject({ fromUniqueId: 'reader' });
  });

  it('are waited for by a stop, but not for long', async () => {
    const node = new Node();
    node.holds = true;
    node.acknowledges(node.brings('m1'));
    await turnsOfTheLoop();
    const started = performance.now();
    await node.receipts.stop();
    const took = performance.now() - started;
    expect(took).toBeGreaterThan(500);
    expect(took).toBeLessThan(5000);
    expect(node.given).toEqual([]);
    await new Node().receipts.stop();
  });
});
