import type { Clock } from '../../application/ports/clock';
import { Broker } from '../../application/wirepost-node';
import { BrokerLink } from './broker-link';
import { ChannelKeeper } from './channel-keeper';
import { ConfirmingPublisher } from './confirming-publisher';
import { LogCodec } from './log-codec';
import { RabbitMqHandlerQueues } from './rabbitmq-handler-queues';
import { RabbitMqLogWriter } from './rabbitmq-log';
import { RabbitMqLogReader } from './rabbitmq-log-reader';
import type { RabbitMqSettings } from './rabbitmq-settings';
import { RabbitMqUpstreamPublisher } from './rabbitmq-upstream-publisher';
import { declareLog, declareUpstream, Names } from './topology';
import { UpstreamCodec } from './upstream-codec';

/** Everything that speaks to RabbitMQ, on two connections: a broker that blocks publishers goes on delivering. */
export class RabbitMqBroker extends Broker {
  private readonly publishing: BrokerLink;
  private readonly consuming: BrokerLink;
  private readonly logPublisher: ConfirmingPublisher;
  private readonly upstreamPublisher: ConfirmingPublisher;
  private readonly topology: ChannelKeeper;
  readonly logWriter: RabbitMqLogWriter;
  readonly logReader: RabbitMqLogReader;
  readonly upstream: RabbitMqUpstreamPublisher;
  readonly queues: RabbitMqHandlerQueues;

  constructor(settings: RabbitMqSettings, clock: Clock) {
    super();
    const names = new Names(settings.prefix);
    const user = userOf(settings.urls[0] ?? '');
    const codec = new UpstreamCodec(user, clock);
    this.publishing = new BrokerLink('publishing', settings);
    this.consuming = new BrokerLink('consuming', settings);
    this.topology = new ChannelKeeper(this.publishing, 'topology', async (channel) => {
      await declareLog(channel, names, settings);
      await declareUpstream(channel, names, settings.retryDelays);
    });
    this.logPublisher = new ConfirmingPublisher(this.publishing, 'log', settings.publishTimeout);
    this.upstreamPublisher = new ConfirmingPublisher(
      this.publishing,
      'upstream',
      settings.publishTimeout,
    );
    this.logWriter = new RabbitMqLogWriter(this.logPublisher, new LogCodec(user, clock), names);
    this.logReader = new RabbitMqLogReader(
      this.consuming,
      new LogCodec(user, clock),
      names,
      settings,
    );
    this.upstream = new RabbitMqUpstreamPublisher(this.upstreamPublisher, codec, names, clock);
    this.queues = new RabbitMqHandlerQueues(
      this.consuming,
      this.upstreamPublisher,
      codec,
      names,
      settings.retryDelays,
    );
  }

  override async connect(): Promise<void> {
    await Promise.all([this.publishing.open(), this.consuming.open()]);
    await this.topology.start();
    await Promise.all([this.logPublisher.start(), this.upstreamPublisher.start()]);
  }

  override async close(): Promise<void> {
    await Promise.all([
      this.logPublisher.stop(),
      this.upstreamPublisher.stop(),
      this.topology.stop(),
    ]);
    await Promise.all([this.consuming.close(), this.publishing.close()]);
  }
}

/** The user that a connection URL names; RabbitMQ's own default without one. */
function userOf(url: string): string {
  return decodeURIComponent(new URL(url).username) || 'guest';
}
