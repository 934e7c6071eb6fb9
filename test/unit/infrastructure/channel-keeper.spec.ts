import { EventEmitter } from 'node:events';

import type { ChannelModel, ConfirmChannel } from 'amqplib';

import { BrokerLink, type LinkUser } from '../../../src/infrastructure/rabbitmq/broker-link';
import { ChannelKeeper } from '../../../src/infrastructure/rabbitmq/channel-keeper';
import { silence } from '../../contract/quiet-logger';
import { settingsFor } from '../../contract/rabbitmq-fixture';

silence();

class FakeChannel extends EventEmitter {
  closed = false;

  close(): Promise<void> {
    this.closed = true;
    this.emit('close');
    return Promise.resolve();
  }
}

/** A broker that opens channels when the test says so. */
class SlowLink extends BrokerLink {
  readonly answers: (() => FakeChannel)[] = [];
  private readonly opening = {
    createConfirmChannel: () =>
      new Promise<FakeChannel>((resolve) => {
        this.answers.push(() => {
          const channel = new FakeChannel();
          resolve(channel);
          return channel;
        });
      }),
  } as unknown as ChannelModel;

  constructor() {
    super('slow', settingsFor('amqp://127.0.0.1', 'wp'));
  }

  override get connection(): ChannelModel {
    return this.opening;
  }

  override use(user: LinkUser): void {
    user.connected(this.opening);
  }
}

describe('a channel that comes after its opening was given up', () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  it('is closed and not set up: the one that came in its place stays', async () => {
    const link = new SlowLink();
    const set: ConfirmChannel[] = [];
    const keeper = new ChannelKeeper(link, 'log', (channel) => {
      set.push(channel);
      return Promise.resolve();
    });
    const started = keeper.start();
    keeper.restart();
    await jest.advanceTimersByTimeAsync(1000);
    const second = link.answers[1]?.();
    await started;
    const first = link.answers[0]?.();
    await jest.advanceTimersByTimeAsync(1000);
    expect([first?.closed, second?.closed]).toEqual([true, false]);
    expect(set).toEqual([second]);
    expect(keeper.channel).toBe(second);
    await keeper.stop();
  });
});
