import { Broker } from '../../application/ports/broker';
import type { Clock } from '../../application/ports/clock';
import type {
  ClaimsLog,
  LogEnds,
  LogReader,
  LogWriter,
  RevocationLog,
} from '../../application/ports/message-log';
import { Partitions } from '../../domain/routing/partitions';
import { BrokerLink } from './broker-link';
import { BrokerUser } from './broker-user';
import { ConfirmingPublisher } from './confirming-publisher';
import { RabbitMqHandlerQueues } from './rabbitmq-handler-queues';
import { RabbitMqNodes } from './rabbitmq-nodes';
import { RabbitMqLogs } from './rabbitmq-logs';
import type { RabbitMqSettings } from './rabbitmq-settings';
import { RabbitMqUpstreamPublisher } from './rabbitmq-upstream-publisher';
import { declareControl, declareRedelivery, declareUpstream, Names } from './topology';
import { UpstreamCodec } from './upstream-codec';

/**
 * Everything that speaks to RabbitMQ, on two connections: a broker that blocks publishers goes on delivering.
 * Each kind of publish has its own channel, so that one which the broker closes takes no other with it.
 */
export class RabbitMqBroker extends Broker {
  private readonly publishing: BrokerLink;
  private readonly consuming: BrokerLink;
  private readonly publishers: readonly ConfirmingPublisher[];
  private readonly logs: RabbitMqLogs;
  readonly upstream: RabbitMqUpstreamPublisher;
  readonly queues: RabbitMqHandlerQueues;
  readonly nodes: RabbitMqNodes;

  /** `name`: by which people know this node. */
  constructor(
    settings: RabbitMqSettings,
    clock: Clock,
    partitions = Partitions.NONE,
    name = 'node',
  ) {
    super();
    const { publishTimeout, retryDelays } = settings;
    const names = new Names(settings.prefix);
    const user = BrokerUser.of(settings.urls[0] ?? '', settings.trustedUsers);
    const codec = new UpstreamCodec(user, clock);
    const publishing = new BrokerLink('publishing', settings);
    const consuming = new BrokerLink('consuming', settings);
    const upstream = new ConfirmingPublisher(publishing, 'upstream', publishTimeout, (channel) =>
      declareUpstream(channel, names),
    );
    const again = new ConfirmingPublisher(publishing, 'redelivery', publishTimeout, (channel) =>
      declareRedelivery(channel, names, retryDelays),
    );
    const control = new ConfirmingPublisher(publishing, 'control', publishTimeout, (channel) =>
      declareControl(channel, names),
    );
    this.publishing = publishing;
    this.consuming = consuming;
    this.logs = new RabbitMqLogs(
      { publishing, consuming, user },
      settings,
      clock,
      names,
      partitions,
    );
    this.publishers = [...this.logs.publishers, upstream, again, control];
    this.nodes = new RabbitMqNodes(consuming, control, user, names, clock, name);
    this.upstream = new RabbitMqUpstreamPublisher(upstream, codec, names, clock);
    this.queues = new RabbitMqHandlerQueues(consuming, again, codec, names, retryDelays);
  }

  get logWriter(): LogWriter {
    return this.logs.writer;
  }

  get logReader(): LogReader {
    return this.logs.reader;
  }

  get logEnds(): LogEnds {
    return this.logs.ends;
  }

  get claimsLog(): ClaimsLog {
    return this.logs.claims;
  }

  get revocationLog(): RevocationLog {
    return this.logs.revocations;
  }

  /** True while both connections are up. */
  get connected(): boolean {
    return this.publishing.connection !== undefined && this.consuming.connection !== undefined;
  }

  /** True while the broker takes no publishes (memory or disk alarm); known from the first publish on. */
  get blocked(): boolean {
    return this.publishing.blocked;
  }

  override async connect(): Promise<void> {
    try {
      await Promise.all([this.publishing.open(), this.consuming.open()]);
      for (const publisher of this.publishers) await publisher.start();
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /** Lets go of what still reads, then of what publishes, then of the connections. */
  override async close(): Promise<void> {
    await Promise.all([this.queues.stop(0), this.logs.stopReading(), this.nodes.stop()]);
    await Promise.all(this.publishers.map((publisher) => publisher.stop()));
    await Promise.all([this.consuming.close(), this.publishing.close()]);
  }
}
