import { EventEmitter } from 'node:events';

import type { ChannelModel, ConfirmChannel } from 'amqplib';

import type { BrokerLink } from '../../../src/infrastructure/rabbitmq/broker-link';
import { ConfirmingPublisher } from '../../../src/infrastructure/rabbitmq/confirming-publisher';

const MiB = 1024 * 1024;
const TIMEOUT = 500;

/** A broker that takes everything and confirms when the test says so. */
class SlowChannel extends EventEmitter {
  readonly confirms: ((error: unknown) => void)[] = [];

  publish(
    _exchange: string,
    _key: string,
    _content: Buffer,
    _options: object,
    confirm: () => void,
  ) {
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

  const publish = async (): Promise<string> => {
    try {
      return await publisher.publish('x', 'k', Buffer.alloc(MiB), {});
    } catch (error) {
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
});
