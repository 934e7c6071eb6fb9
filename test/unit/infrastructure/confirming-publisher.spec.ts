import { EventEmitter } from 'node:events';

import type { ChannelModel, ConfirmChannel } from 'amqplib';

import type { BrokerLink } from '../../../src/infrastructure/rabbitmq/broker-link';
import {
  ConfirmingPublisher,
  NotWritable,
} from '../../../src/infrastructure/rabbitmq/confirming-publisher';

const MiB = 1024 * 1024;
const TIMEOUT = 500;

/** A broker that takes everything and confirms when the test says so. */
class SlowChannel extends EventEmitter {
  readonly confirms: ((error: unknown) => void)[] = [];
  /** As amqplib names what it has counted. */
  readonly unconfirmed: unknown[] = [];
  /** True for amqplib 0.10. */
  countsFirst = false;

  publish(
    _exchange: string,
    _key: string,
    _content: Buffer,
    { messageId }: { messageId?: string },
    confirm: () => void,
  ) {
    if (this.countsFirst) this.unconfirmed.push(confirm);
    if (messageId === 'unwritable') throw new TypeError('it has no form');
    if (!this.countsFirst) this.unconfirmed.push(confirm);
    this.confirms.push(confirm);
    return true;
  }

  close(): Promise<void> {
    this.emit('close');
    // As amqplib does with what was open.
    for (const confirm of this.confirms.splice(0)) confirm(new Error('channel closed'));
    return Promise.resolve();
  }
}

describe('a publisher whose broker is slower than its callers', () => {
  let channels: SlowChannel[];
  let publisher: ConfirmingPublisher;

  beforeEach(async () => {
    jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate'] });
    channels = [];
    const connection = {
      createConfirmChannel: () => {
        const channel = new SlowChannel();
        channels.push(channel);
        return Promise.resolve(channel as unknown as ConfirmChannel);
      },
    } as unknown as ChannelModel;
    const link = {
      blocked: false,
      connection,
      use: (user: { connected(to: ChannelModel): void }) => {
        user.connected(connection);
      },
      release: () => undefined,
    } as unknown as BrokerLink;
    publisher = new ConfirmingPublisher(link, 'test', TIMEOUT, () => Promise.resolve());
    await publisher.start();
  });
  afterEach(() => jest.useRealTimers());

  it('takes a return that comes late for that of the publish that was given up, and not of its repetition', async () => {
    const first = publish('m1');
    await jest.advanceTimersByTimeAsync(TIMEOUT + 200);
    expect(await first).toBe('UNKNOWN_OUTCOME');
    const again = publish('m1');
    const [channel] = channels;
    const back = { fields: { exchange: 'x', routingKey: 'k' }, properties: { messageId: 'm1' } };
    channel?.emit('return', back);
    for (const confirm of channel?.confirms.splice(0) ?? []) confirm(null);
    expect(await again).toBe('routed');
    const third = publish('m1');
    channel?.emit('return', back);
    for (const confirm of channel?.confirms.splice(0) ?? []) confirm(null);
    expect(await third).toBe('unroutable');
  });

  const publish = async (messageId?: string): Promise<string> => {
    try {
      return await publisher.publish(
        'x',
        'k',
        Buffer.alloc(MiB),
        messageId === undefined ? {} : { messageId },
      );
    } catch (error) {
      if (error instanceof NotWritable) return error.message;
      return (error as { code: string }).code;
    }
  };

  /** Publishes until no more is taken, and lets all of it run out of time. */
  async function fill(): Promise<number> {
    const outcomes: string[] = [];
    for (let i = 0; i < 100; i += 1) void publish().then((outcome) => outcomes.push(outcome));
    await jest.advanceTimersByTimeAsync(2 * TIMEOUT);
    expect(new Set(outcomes)).toEqual(new Set(['OVERLOAD', 'UNKNOWN_OUTCOME']));
    return outcomes.filter((outcome) => outcome === 'UNKNOWN_OUTCOME').length;
  }

  it('takes no more than it may hold, though the callers have given up waiting', async () => {
    expect(await fill()).toBe(64);
    expect(await publish()).toBe('OVERLOAD');
    for (const confirm of channels[0]?.confirms.splice(0) ?? []) confirm(null);
    const published = publish();
    channels[0]?.confirms.at(-1)?.(null);
    expect(await published).toBe('routed');
  });

  it('begins anew with a new channel', async () => {
    await fill();
    await channels[0]?.close();
    await jest.advanceTimersByTimeAsync(TIMEOUT);
    expect(channels).toHaveLength(2);
    expect(await fill()).toBe(64);
  });

  it('refuses what cannot be written and leaves the others under way alone', async () => {
    const published = publish();
    expect(await publish('unwritable')).toBe('it has no form');
    channels[0]?.confirms.at(-1)?.(null);
    expect(await published).toBe('routed');
    expect(channels).toHaveLength(1);
  });

  it('begins anew when what cannot be written was counted all the same', async () => {
    for (const channel of channels) channel.countsFirst = true;
    const published = publish();
    expect(await publish('unwritable')).toBe('it has no form');
    expect(await published).toBe('UNKNOWN_OUTCOME');
    await jest.advanceTimersByTimeAsync(TIMEOUT);
    expect(channels).toHaveLength(2);
  });
});
