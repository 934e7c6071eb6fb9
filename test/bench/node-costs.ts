import { setImmediate as turn, setTimeout as wait } from 'node:timers/promises';

import type { ConsumeMessage } from 'amqplib';

import { LogFollower } from '../../src/application/log/log-follower';
import type { NewMessage } from '../../src/application/ports/message-log';
import { Message, SERVICE } from '../../src/domain/message/message';
import type { Subscription } from '../../src/domain/routing/audience';
import { Partitions } from '../../src/domain/routing/partitions';
import { BrokerUser } from '../../src/infrastructure/rabbitmq/broker-user';
import { LogCodec } from '../../src/infrastructure/rabbitmq/log-codec';
import { PrometheusMetrics } from '../../src/infrastructure/observability/prometheus-metrics';
import { TextFrameEncoder } from '../../src/interface/websocket/text-frame';
import type { Cost } from './costs';
import { userName } from './generator/template';
import { partitionCosts } from './partition-costs';
import { content } from './peers/peer';

/*
 * What one entry costs a node that has no recipient for it, without broker and sockets: entries are decoded and applied
 * to a window. A process of its own, with --expose-gc; writes its figures as one line of JSON.
 */
const USER = new BrokerUser('wirepost');
const USERS = 100_000;
const MESSAGES = 1_000_000;
const FEW = 200_000;
const PARTITIONS = new Partitions(2, 0);
const BATCH = 500;
const GIB = 1024 ** 3;
const REPLAYS = 200;
/** Bytes that a client far behind is given at a time, as Delivery does it. */
const PIECE = 262_144;
const HOUR = 3_600_000;

let lastId = 0;
let offset = 0;
const clock = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
  newId: () => `0190a1b2-c3d4-7e5f-8a9b-${String((lastId += 1)).padStart(12, '0')}`,
};
const body = JSON.parse(content()) as unknown;
const codec = new LogCodec(USER, clock);

function newFollower(partitions = Partitions.NONE): LogFollower {
  const limits = { maxAge: HOUR, maxBytes: 8 * GIB };
  const metrics = new PrometheusMetrics();
  return new LogFollower(limits, 262_144, new TextFrameEncoder(), clock, metrics, partitions);
}

function anybody(): string {
  return userName(Math.floor(Math.random() * USERS));
}

/** Somebody of a partition that this node does not read. */
function stranger(): string {
  for (;;) {
    const user = anybody();
    if (PARTITIONS.of(user) !== PARTITIONS.own) return user;
  }
}

/** To one user, or to everybody where none is named. */
function newMessage(toUniqueId: string | undefined): NewMessage {
  const address =
    toUniqueId === undefined ? { sendType: 'BROADCAST' } : { sendType: 'UNICAST', toUniqueId };
  const message = Message.compose(
    { ...address, messageType: 'SERVER_TO_CLIENT', businessType: 'bench.order', content: body },
    SERVICE,
    clock,
  );
  return { kind: 'message', message, body: Buffer.from(JSON.stringify(message.body)) };
}

/** Entries as the broker delivers them: written by a gateway, `size` messages in each. */
function own(
  messages: number,
  size: number,
  recipient: () => string | undefined = anybody,
): ConsumeMessage[] {
  return Array.from({ length: messages / size }, () => {
    const { content, options } = codec.encodeMessages(
      Array.from({ length: size }, () => newMessage(recipient())),
    );
    return deliveryOf(content, { ...options });
  });
}

/** Entries as the broker delivers them: published by a backend over AMQP. */
function foreign(messages: number, recipient = anybody): ConsumeMessage[] {
  return Array.from({ length: messages }, () => {
    const { body } = newMessage(recipient());
    return deliveryOf(Buffer.from(body), { messageId: clock.newId(), userId: 'backend' });
  });
}

function deliveryOf(content: Buffer, properties: object): ConsumeMessage {
  const fields = {};
  return { content, fields, properties } as unknown as ConsumeMessage;
}

/** µs of a message, decoded and applied. */
async function apply(
  follower: LogFollower,
  total: number,
  make: (messages: number) => ConsumeMessage[],
): Promise<number> {
  const slice = 10_000;
  let spent = 0;
  for (let done = 0; done < total; done += slice) {
    const deliveries = make(slice);
    const start = performance.now();
    for (const delivery of deliveries) {
      for (const entry of codec.decode(delivery, (offset += 1))) follower.entry(entry);
    }
    await turn();
    spent += performance.now() - start;
  }
  return (spent / total) * 1000;
}

function subscriptionOf(uniqueId: string): Subscription {
  return { uniqueId, clientType: 'H5', tags: new Set(), businesses: new Set() };
}

/** ms for one subscriber at the beginning of the window, the median and the longest. */
function replay(follower: LogFollower): { median: number; longest: number } {
  const times: number[] = [];
  for (let i = 0; i < REPLAYS; i += 1) {
    const subscription = subscriptionOf(anybody());
    const start = performance.now();
    follower.window.replay(subscription, 0, Infinity, Date.now());
    times.push(performance.now() - start);
  }
  times.sort((a, b) => a - b);
  return { median: times[REPLAYS / 2] ?? NaN, longest: times[REPLAYS - 1] ?? NaN };
}

/** ms for a client that has missed every broadcast of the window: the whole way, and the longest of its pieces. */
function farBehind(follower: LogFollower): { whole: number; longest: number } {
  const subscription = subscriptionOf(userName(0));
  const times: number[] = [];
  for (let after = 0, complete = false; !complete;) {
    const start = performance.now();
    const piece = follower.window.replay(subscription, after, PIECE, Date.now());
    times.push(performance.now() - start);
    after = piece.upTo;
    complete = piece.complete;
  }
  return { whole: times.reduce((sum, ms) => sum + ms), longest: Math.max(...times) };
}

/** Bytes in use. What a first collection has found is freed by another thread, and counts until a later one. */
async function memory(): Promise<number> {
  for (let i = 0; i < 3; i += 1) {
    globalThis.gc?.();
    await wait(100);
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

async function main(): Promise<void> {
  // The first round is for the compiler.
  const warm = newFollower();
  await apply(warm, FEW, (messages) => own(messages, BATCH));
  const alone = await apply(newFollower(), FEW, (messages) => own(messages, 1));
  const fromBackend = await apply(newFollower(), FEW, (messages) => foreign(messages));
  const skipped = await apply(newFollower(PARTITIONS), FEW, (messages) =>
    foreign(messages, stranger),
  );
  const before = await memory();
  const follower = newFollower();
  const batched = await apply(follower, MESSAGES, (messages) => own(messages, BATCH));
  const used = (await memory()) - before;
  const frames = frameBytes(follower);
  const { median, longest } = replay(follower);
  const wide = newFollower();
  await apply(wide, FEW, (messages) => own(messages, BATCH, () => undefined));
  const behind = farBehind(wide);
  const costs: readonly Cost[] = [
    ['message without a recipient, 500 to an entry', batched, 'µs'],
    ['the same, an entry of its own', alone, 'µs'],
    ['the same, published by a backend over AMQP', fromBackend, 'µs'],
    ['the same, but for a user of another partition', skipped, 'µs'],
    ...(await partitionCosts()),
    [
      'window, over the frame of each entry, as it counts',
      (follower.window.bytes - frames) / MESSAGES,
      'bytes',
    ],
    [
      'window, over the frame of each entry, as the process grew',
      (used - frames) / MESSAGES,
      'bytes',
    ],
    ['replay for a cursor a million entries old, median', median, 'ms'],
    ['replay for a cursor a million entries old, longest', longest, 'ms'],
    ['replay of 200 000 broadcasts, in pieces of 256 KiB', behind.whole, 'ms'],
    ['the longest of these pieces', behind.longest, 'ms'],
  ];
  process.stdout.write(`${JSON.stringify(costs)}\n`);
}

/** Bytes of all frames in a window, by asking for each user's. */
function frameBytes(follower: LogFollower): number {
  let bytes = 0;
  let count = 0;
  for (let user = 0; user < USERS; user += 1) {
    const subscription = subscriptionOf(userName(user));
    const found = follower.window.replay(subscription, 0, Infinity, Date.now());
    for (const frame of found.frames) bytes += frame.length;
    count += found.count;
  }
  if (count !== MESSAGES) throw new Error(`the window holds ${String(count)} messages`);
  return bytes;
}

main().catch((error: unknown) => {
  process.stderr.write(`${String(error)}\n`);
  process.exit(1);
});
