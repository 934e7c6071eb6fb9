import { PassThrough } from 'node:stream';

import { readDeliveries } from '../../../src/infrastructure/rabbitmq/delivery-frames';
import { Random } from '../../faults/random';
import { Connection, encodeMethod, encodeProperties } from '../../support/amqplib-internals';

const BASIC_DELIVER = 0x3c003c;
const BASIC_RETURN = 0x3c0032;
const BASIC_ACK = 0x3c0050;
const BASIC_PROPERTIES = 60;
const HEARTBEAT = Buffer.of(8, 0, 0, 0, 0, 0, 0, 0xce);
const OFFSETS = [0, 1, 2 ** 31, 2 ** 32, 2 ** 53 - 1];

/** What a connection made of some bytes. */
interface Read {
  readonly frames: readonly object[];
  readonly errors: readonly string[];
  readonly received: boolean;
}

/** Reads bytes that come in pieces, by amqplib alone or with our reading of deliveries. */
async function read(pieces: readonly Buffer[], isOurs: boolean, maxFrameSize = 0): Promise<Read> {
  const stream = new PassThrough();
  const wire = new Connection(stream);
  wire.maxFrameSize = maxFrameSize;
  const frames: object[] = [];
  const errors: string[] = [];
  wire.accept = (frame) => frames.push(frame);
  wire.on('frameError', ({ message }) => errors.push(message));
  if (isOurs) readDeliveries(wire);
  wire.recvSinceLastCheck = false;
  wire.acceptLoop();
  for (const piece of pieces) {
    stream.write(piece);
    await new Promise(setImmediate);
  }
  return { frames, errors, received: wire.recvSinceLastCheck };
}

/** Cut at random, now and then byte by byte. */
function cut(bytes: Buffer, random: Random): Buffer[] {
  const longest = random.pick([1, 7, 8, 9, 40, 500, 5000]);
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = at + random.integer(1, longest);
    pieces.push(bytes.subarray(at, end));
    at = end;
  }
  return pieces;
}

const TEXTS = ['', 'a', 'wirepost', 'ctag-1', 'Bestellung für 東京 🚚', 'x'.repeat(255)];

function bodyFrame(channel: number, content: Buffer): Buffer {
  const head = Buffer.alloc(7);
  head[0] = 3;
  head.writeUInt16BE(channel, 1);
  head.writeUInt32BE(content.length, 3);
  return Buffer.concat([head, content, Buffer.of(0xce)]);
}

function anyHeaders(random: Random): object {
  const kind = random.next();
  if (kind < 0.7) return { 'x-stream-offset': random.pick(OFFSETS) };
  if (kind < 0.8) return { 'x-stream-offset': random.pick(OFFSETS), 'wp-time': 1_790_000_000_000 };
  if (kind < 0.9) return { 'wp-time': 1_790_000_000_000, nested: { a: ['b', 1.5, null] } };
  return kind < 0.95 ? {} : { 'x-stream-offset': -(2 ** 40) };
}

function anyProperties(random: Random): object {
  const maybe = <T>(value: T): T | undefined => (random.next() < 0.6 ? value : undefined);
  return {
    contentType: maybe('application/json'),
    headers: random.next() < 0.9 ? anyHeaders(random) : undefined,
    deliveryMode: maybe(random.integer(1, 2)),
    correlationId: maybe(random.pick(TEXTS)),
    expiration: maybe('60000'),
    messageId: maybe(random.pick(TEXTS)),
    timestamp: maybe(random.pick([0, 1_790_000_000, 2 ** 32, 2 ** 53 - 1])),
    type: maybe(random.pick(TEXTS)),
    userId: maybe(random.pick(TEXTS)),
    appId: maybe(random.pick(TEXTS)),
    ...(random.next() < 0.05 && { replyTo: 'answers' }),
    ...(random.next() < 0.05 && { priority: 3 }),
    ...(random.next() < 0.05 && { contentEncoding: 'gzip' }),
    ...(random.next() < 0.05 && { clusterId: 'c' }),
  };
}

/** A method, a header and bodies: of a delivery, or of a message that came back. */
function message(random: Random): Buffer {
  const channel = random.pick([1, 2, 300]);
  const content = Buffer.alloc(random.pick([0, 1, 300, 5000]), random.integer(0, 255));
  const [exchange, routingKey] = [random.pick(TEXTS), random.pick(TEXTS)];
  const method =
    random.next() < 0.9
      ? encodeMethod(BASIC_DELIVER, channel, {
          consumerTag: random.pick(TEXTS),
          deliveryTag: random.pick([1, 2 ** 32 + 5, 2 ** 53 - 1]),
          redelivered: random.next() < 0.5,
          ...{ exchange, routingKey },
        })
      : encodeMethod(BASIC_RETURN, channel, {
          ...{ replyCode: 312, replyText: 'NO_ROUTE', exchange, routingKey },
        });
  const header = encodeProperties(BASIC_PROPERTIES, channel, content.length, anyProperties(random));
  const half = content.length >> 1;
  const bodies =
    random.next() < 0.2
      ? [bodyFrame(channel, content.subarray(0, half)), bodyFrame(channel, content.subarray(half))]
      : [bodyFrame(channel, content)];
  return Buffer.concat([method, header, ...bodies]);
}

function anything(random: Random): Buffer {
  const kind = random.next();
  if (kind < 0.05) return HEARTBEAT;
  if (kind < 0.1) return encodeMethod(BASIC_ACK, 1, { deliveryTag: 7, multiple: true });
  return message(random);
}

describe('frames of deliveries', () => {
  it.each(Array.from({ length: 20 }, (_, seed) => seed))(
    'are what amqplib makes of the same bytes, however these come (seed %i)',
    async (seed) => {
      const random = new Random(seed);
      const bytes = Buffer.concat(Array.from({ length: 40 }, () => anything(random)));
      const pieces = cut(bytes, random);
      const [theirs, ours] = [await read(pieces, false), await read(pieces, true)];
      expect(theirs.frames.length).toBeGreaterThan(80);
      expect(theirs.errors).toEqual([]);
      expect(ours).toEqual(theirs);
      // Names without a value and their order, too.
      expect(ours.frames.map(shape)).toEqual(theirs.frames.map(shape));
    },
  );

  it.each(Array.from({ length: 20 }, (_, seed) => seed))(
    'are refused like amqplib does when bytes are other ones (seed %i)',
    async (seed) => {
      const random = new Random(seed);
      for (let run = 0; run < 40; run += 1) {
        const bytes = Buffer.concat([message(random), message(random)]);
        // Where lengths and flags stand.
        const end = Math.min(bytes.length, 250);
        bytes[random.integer(0, end - 1)] = random.integer(0, 255);
        const max = random.pick([0, 64 * 1024]);
        const [theirs, ours] = [await read([bytes], false, max), await read([bytes], true, max)];
        expect(ours).toEqual(theirs);
      }
    },
  );

  it('that are announced as too large are refused before they are there', async () => {
    const head = bodyFrame(1, Buffer.alloc(10_000)).subarray(0, 20);
    const ours = await read([head], true, 4096);
    expect(ours.errors).toEqual(['Frame size 10000 exceeds maxFrameSize 4096']);
    expect(ours).toEqual(await read([head], false, 4096));
  });

  it('keep their texts when the memory that they were read from is used again', async () => {
    const random = new Random(1);
    const bytes = Buffer.concat(Array.from({ length: 10 }, () => message(random)));
    const { frames } = await read([bytes], true);
    const texts = (): string =>
      JSON.stringify(frames.map((frame) => ({ ...frame, content: undefined })));
    const before = texts();
    bytes.fill(0);
    expect(texts()).toBe(before);
  });
});

/** All names of a frame and of its fields, in their order. */
function shape(frame: object): readonly string[] {
  const fields = 'fields' in frame && typeof frame.fields === 'object' ? (frame.fields ?? {}) : {};
  return [...Object.keys(frame), ...Object.keys(fields)];
}
