import { PassThrough } from 'node:stream';

import { shareFrames } from '../../../src/infrastructure/rabbitmq/publish-frames';
import { Random } from '../../faults/random';
import {
  Connection,
  WiredConfirmChannel,
  type WiredChannel,
} from '../../support/amqplib-internals';
import { eventually } from '../../support/eventually';

interface Publish {
  /** Which channel it goes by. */
  readonly channel: number;
  readonly exchange: string;
  readonly key: string;
  readonly content: Buffer;
  readonly options: Readonly<Record<string, unknown>>;
}

const BASIC_RECOVER = 0x3c006e;

/** A connection of amqplib's with two channels, and what it writes. */
class Line {
  private readonly stream = new PassThrough({ highWaterMark: 64 * 1024 * 1024 });
  readonly wire = new Connection(this.stream);
  readonly channels: readonly WiredChannel[] = [0, 1].map(() => {
    const channel = new WiredConfirmChannel(this.wire);
    channel.allocate();
    return channel;
  });
  private readonly pieces: Buffer[] = [];

  constructor() {
    this.stream.on('data', (piece: Buffer) => this.pieces.push(piece));
  }

  get writes(): number {
    return this.pieces.length;
  }

  get bytes(): Buffer {
    return Buffer.concat(this.pieces);
  }

  channel(number: number): WiredChannel {
    const channel = this.channels[number];
    if (channel === undefined) throw new Error(`there is no channel ${String(number)}`);
    return channel;
  }

  publish({ channel, exchange, key, content, options }: Publish): void {
    this.channel(channel).publish(exchange, key, content, options);
  }
}

/** What publishes the same by amqplib alone and with shared frames. */
function lines(): { plain: Line; shared: Line } {
  const [plain, shared] = [new Line(), new Line()];
  shareFrames(shared.wire);
  return { plain, shared };
}

async function expectSame(plain: Line, shared: Line): Promise<void> {
  await eventually(() => {
    expect(plain.bytes.length).toBeGreaterThan(0);
    expect(shared.bytes.equals(plain.bytes)).toBe(true);
  });
}

const usual = (content: string, options: Publish['options'] = {}): Publish => ({
  channel: 0,
  exchange: 'wirepost.upstream',
  key: 'order.create',
  content: Buffer.from(content),
  options: { persistent: true, mandatory: true, ...options },
});

const TEXTS = ['', 'a', 'wirepost.upstream', 'Bestellung für 東京 🚚', '\uD83D', 'x'.repeat(255)];
const LONG = ['x'.repeat(256), 'ü'.repeat(128)];

function anyText(random: Random): string {
  return random.next() < 0.02 ? random.pick(LONG) : random.pick(TEXTS);
}

/** Each option there or not; now and then one that amqplib refuses or has to write itself. */
function anyOptions(random: Random): Readonly<Record<string, unknown>> {
  const rare = random.next();
  const maybe = <T>(value: T): T | undefined => (random.next() < 0.6 ? value : undefined);
  return {
    contentType: maybe('application/json'),
    correlationId: maybe(anyText(random)),
    expiration: maybe(random.integer(0, 1e9)),
    messageId: maybe(anyText(random)),
    timestamp: maybe(random.pick([0, 1_790_000_000, 2 ** 32, 2 ** 53 - 1])),
    type: maybe(anyText(random)),
    userId: maybe('wirepost'),
    appId: maybe(anyText(random)),
    persistent: maybe(random.next() < 0.5),
    mandatory: maybe(random.next() < 0.5),
    ...(rare < 0.1 && { headers: { 'wp-time': random.integer(0, 1e12), nested: { a: ['b'] } } }),
    ...(rare > 0.95 && { replyTo: 'answers', priority: 3, contentEncoding: 'identity' }),
    ...(rare > 0.94 && rare < 0.95 && { timestamp: 1.5 }),
    ...(rare > 0.93 && rare < 0.94 && { messageId: 7 }),
  };
}

function anyPublish(random: Random): Publish {
  const length = random.pick([0, 1, 300, 2000, 4087, 4088, 4089, 20_000]);
  return {
    channel: random.integer(0, 1),
    exchange: anyText(random),
    key: anyText(random),
    content: Buffer.alloc(length, random.integer(0, 255)),
    options: anyOptions(random),
  };
}

/** Publishes by both; true when both took it, and fails when one alone did. */
function publishBoth({ plain, shared }: ReturnType<typeof lines>, publish: Publish): boolean {
  const outcomes = [plain, shared].map((line) => {
    try {
      line.publish(publish);
      return 'taken';
    } catch (error) {
      return String(error);
    }
  });
  expect(outcomes[1]).toBe(outcomes[0]);
  return outcomes[0] === 'taken';
}

describe('frames of publishes that share memory', () => {
  it.each(Array.from({ length: 12 }, (_, seed) => seed))(
    'are byte for byte those of amqplib, refusals and order included (seed %i)',
    async (seed) => {
      const random = new Random(seed);
      const both = lines();
      let refused = 0;
      for (let tick = 0; tick < 20; tick += 1) {
        // One channel a tick: amqplib takes turns between channels, and within one alone the order matters.
        const channel = random.integer(0, 1);
        for (let i = random.integer(1, 30); i > 0; i -= 1)
          if (!publishBoth(both, { ...anyPublish(random), channel })) refused += 1;
        await new Promise(setImmediate);
        await new Promise(setImmediate);
      }
      await expectSame(both.plain, both.shared);
      expect(refused).toBeGreaterThan(0);
    },
  );

  it('stay in order around what amqplib writes itself on the same channel', async () => {
    const both = lines();
    for (const line of [both.plain, both.shared]) {
      line.publish(usual('{"n":1}'));
      line.publish(usual('{"n":2}', { headers: { 'x-attempt': 2 } }));
      line.publish(usual('{"n":3}'));
      line.channel(0).sendImmediately(BASIC_RECOVER, {});
      line.publish(usual('{"n":4}'));
      line.publish(usual('x'.repeat(10_000)));
      line.publish(usual('{"n":5}'));
    }
    await expectSame(both.plain, both.shared);
  });

  it('go to each channel in its order when two publish in turn', async () => {
    const both = lines();
    for (let i = 0; i < 40; i += 1) {
      const publish = { ...usual(`{"n":${String(i)}}`), channel: i % 2 };
      publishBoth(both, publish);
    }
    await eventually(() => {
      expect(both.plain.bytes.length).toBeGreaterThan(0);
      expect(both.shared.bytes).toHaveLength(both.plain.bytes.length);
    });
    for (const channel of [1, 2])
      expect(bodiesOf(both.shared.bytes, channel)).toEqual(bodiesOf(both.plain.bytes, channel));
    expect(bodiesOf(both.shared.bytes, 1)).toHaveLength(20);
  });

  it('take a third of the writes at most', async () => {
    const both = lines();
    for (let i = 0; i < 300; i += 1) publishBoth(both, usual('x'.repeat(400)));
    await expectSame(both.plain, both.shared);
    expect(both.shared.writes).toBeLessThanOrEqual(both.plain.writes / 3);
  });

  it('drop what a channel that has closed still held', async () => {
    const { shared } = lines();
    shared.publish(usual('{"n":1}'));
    (shared.wire.channels as unknown as unknown[])[1] = null;
    await new Promise(setImmediate);
    expect(shared.bytes).toHaveLength(0);
    shared.publish({ ...usual('{"n":2}'), channel: 1 });
    await eventually(() => {
      expect(bodiesOf(shared.bytes, 2)).toEqual(['{"n":2}']);
    });
  });

  it('tell the heartbeat that something was sent', () => {
    const { shared } = lines();
    shared.wire.sentSinceLastCheck = false;
    shared.publish(usual('{}'));
    expect(shared.wire.sentSinceLastCheck).toBe(true);
  });
});

/** Bodies of the frames of a channel, by number as the wire has it. */
function bodiesOf(bytes: Buffer, channel: number): string[] {
  const bodies: string[] = [];
  for (let at = 0; at < bytes.length; at += 8 + bytes.readUInt32BE(at + 3)) {
    const end = at + 7 + bytes.readUInt32BE(at + 3);
    if (bytes[at] === 3 && bytes.readUInt16BE(at + 1) === channel)
      bodies.push(bytes.toString('utf8', at + 7, end));
  }
  return bodies;
}
