import { Logger } from '@nestjs/common';

import { Subscriber } from '../../../src/application/delivery/subscriber';
import { LogFollower } from '../../../src/application/log/log-follower';
import { LogWriter, type NewEntry } from '../../../src/application/ports/message-log';
import { type Routing, UpstreamPublisher } from '../../../src/application/ports/upstream';
import { Receipts } from '../../../src/application/receipts/receipts';
import { Refusal } from '../../../src/domain/errors';
import { Cursor } from '../../../src/domain/log/cursor';
import type { Message } from '../../../src/domain/message/message';
import { Partitions } from '../../../src/domain/routing/partitions';
import { BARE_FRAMES } from '../../support/bare-frames';
import { eventually } from '../../support/eventually';
import { FakeClock } from '../../support/fake-clock';
import { aMessage } from '../../support/message.builder';
import { RecordingMetrics } from '../../support/recording-metrics';

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

/** A node that reads what it writes, and one client of it. */
class Node extends LogWriter {
  override readonly blocked = false;
  readonly clock = new FakeClock();
  readonly metrics = new RecordingMetrics();
  readonly upstream = new Upstream();
  readonly follower: LogFollower;
  readonly receipts: Receipts;
  readonly client: Subscriber;
  readonly written: Message[] = [];
  failure: Refusal | undefined;
  /** What is appended stays on its way. */
  holds = false;
  buffered = 0;
  private next = 0;

  constructor({ partitions = Partitions.NONE, maxBytes = 1e8 } = {}) {
    super();
    this.follower = new LogFollower(
      { maxAge: 60_000, maxBytes },
      1000,
      BARE_FRAMES,
      this.clock,
      this.metrics,
      partitions,
    );
    this.receipts = new Receipts(
      this.follower,
      BARE_FRAMES,
      this,
      this.upstream,
      partitions,
      this.clock,
      this.metrics,
    );
    this.client = this.connect('reader', -1);
  }

  connect(uniqueId: string, position: number): Subscriber {
    const labels = { tags: new Set<string>(), businesses: new Set<string>() };
    const channel = {
      write: () => undefined,
      buffered: 0,
    };
    Object.defineProperty(channel, 'buffered', { get: () => this.buffered });
    const receiver = { channel, gapFrame: () => new Uint8Array(1) };
    const subscription = { uniqueId, clientType: 'H5', ...labels };
    const subscriber = new Subscriber(subscription, receiver, position);
    this.follower.delivery.attach(subscriber);
    return subscriber;
  }

  override append(entry: NewEntry): Promise<void> {
    if (this.failure !== undefined) return Promise.reject(this.failure);
    if (this.holds) return new Promise(() => undefined);
    if (entry.kind !== 'message') return Promise.reject(new Error('only messages'));
    this.written.push(entry.message);
    this.read(entry.message, entry.body);
    return Promise.resolve();
  }

  /** A message for the client; returns its position. */
  brings(
    id: string,
    over: Parameters<typeof aMessage>[0] = {},
    origin?: Message['origin'],
  ): Cursor {
    const body = { toUniqueId: 'reader', receipt: true, messageId: id, ...over };
    const message = aMessage(body, origin, this.clock.now());
    return this.read(message, Buffer.from(JSON.stringify(message.body)));
  }

  acknowledges(upTo: Cursor): void {
    this.receipts.acknowledge(this.client, upTo);
  }

  /** Ids of the messages that receipts were given for. */
  get given(): unknown[] {
    return this.written.map(({ body }) => body.correlationId);
  }

  private read({ id, sender, audience, expiresAt, receipt }: Message, body: Uint8Array): Cursor {
    const time = this.clock.now();
    const position = { offset: this.next++, timestamp: time, time };
    const message = { id, sender, audience, expiresAt, receipt, body };
    this.follower.entry({ kind: 'message', ...message, ...position });
    this.follower.delivery.flush();
    return new Cursor(position.offset, time);
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
    let last = new Cursor(-1, 0);
    for (const id of ids) last = node.brings(id);
    node.acknowledges(last);
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
    let last = new Cursor(-1, 0);
    for (let i = 0; i < 1000; i += 1) last = node.brings(`m${String(i)}`);
    node.acknowledges(last);
    await new Promise(setImmediate);
    expect(node.given.length).toBeLessThan(100);
    await eventually(() => {
      expect(node.given).toHaveLength(1000);
    });
  });

  it('are not given for what had expired before it could be sent', async () => {
    const node = new Node();
    const old = { timestamp: node.clock.now() - 1000, ttl: 500 };
    node.brings('too-late', old);
    node.brings('in-time', { timestamp: node.clock.now(), ttl: 500 });
    node.buffered = 10_000;
    node.brings('fills-the-socket');
    node.brings('expires-while-the-client-lags', { timestamp: node.clock.now(), ttl: 500 });
    node.clock.advance(1000);
    node.buffered = 0;
    node.follower.delivery.resume(node.client);
    node.acknowledges(node.brings('last'));
    await turnsOfTheLoop();
    // It was live when the second one came, but has not been so since.
    expect(node.given).toEqual(['fills-the-socket', 'last']);
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

  it('are given for what the client has handled since its session began, on a connection before', async () => {
    const node = new Node();
    const began = node.brings('before-its-session');
    node.brings('handled');
    const cursor = node.brings('handled-last');
    node.brings('not-handled');
    node.receipts.resume(node.connect('reader', cursor.offset), began, cursor);
    await turnsOfTheLoop();
    expect(node.given).toEqual(['handled', 'handled-last']);
  });

  it('are given for both identities of a client, each for what it was sent as such', async () => {
    const node = new Node();
    const { delivery } = node.follower;
    node.brings('m1');
    const at = node.brings('to-the-new-one-before', { toUniqueId: 'new' });
    const become = { ...node.client.subscription, uniqueId: 'new', clientType: 'WEB' };
    delivery.resubscribe(node.client, become, at.offset - 0.5);
    node.brings('to-the-former-one-after');
    node.acknowledges(node.brings('m2', { toUniqueId: 'new' }));
    await turnsOfTheLoop();
    expect(node.written.map(({ body }) => [body.correlationId, body.fromClientType])).toEqual([
      ['m1', 'H5'],
      ['to-the-new-one-before', 'WEB'],
      ['m2', 'WEB'],
    ]);
  });

  it('leave a record where the message is, when its sender is of another partition', async () => {
    const partitions = new Partitions(2, new Partitions(2, 0).of('reader'));
    const node = new Node({ partitions });
    const stranger = ['s1', 's2', 's3', 's4'].find(
      (name) => partitions.of(name) !== partitions.own,
    );
    node.acknowledges(node.brings('m1', { fromUniqueId: stranger }));
    await turnsOfTheLoop();
    expect(node.written.map(({ audience }) => audience)).toMatchObject([
      { uniqueId: stranger },
      { uniqueId: '' },
    ]);
    expect(node.receipts.of('m1', undefined)).toMatchObject({ fromUniqueId: 'reader' });
  });

  it('are waited for by a stop, but not for long', async () => {
    const node = new Node();
    node.holds = true;
    node.acknowledges(node.brings('m1'));
    await turnsOfTheLoop();
    const started = performance.now();
    await node.receipts.stop();
    expect(performance.now() - started).toBeGreaterThan(500);
    expect(node.given).toEqual([]);
    await new Node().receipts.stop();
  });
});
