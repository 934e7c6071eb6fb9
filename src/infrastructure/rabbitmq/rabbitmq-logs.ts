import type { Clock } from '../../application/ports/clock';
import type {
  ClaimsLog,
  LogEnds,
  LogReader,
  LogWriter,
  RevocationLog,
} from '../../application/ports/message-log';
import type { Partitions } from '../../domain/routing/partitions';
import type { BrokerLink } from './broker-link';
import type { BrokerUser } from './broker-user';
import { ConfirmingPublisher } from './confirming-publisher';
import { LogCodec } from './log-codec';
import { PartitionedLogWriter } from './partitioned-log-writer';
import { RabbitMqLogEnds } from './rabbitmq-log-ends';
import { RabbitMqLogReader } from './rabbitmq-log-reader';
import { RabbitMqLogWriter } from './rabbitmq-log-writer';
import type { RabbitMqSettings } from './rabbitmq-settings';
import { claimsStream, logStream, type Names, revocationsStream, type Stream } from './topology';

/** What streams are read and written with. */
export interface LogConnections {
  readonly publishing: BrokerLink;
  readonly consuming: BrokerLink;
  /** The user of the connections. */
  readonly user: BrokerUser;
}

/** The log's partitions, one of which this node reads; when there are several, the claims of handlers have a log of their own. */
export class RabbitMqLogs {
  readonly publishers: ConfirmingPublisher[] = [];
  readonly writer: LogWriter;
  readonly reader: LogReader;
  readonly ends: LogEnds;
  readonly claims: ClaimsLog;
  readonly revocations: RevocationLog;

  constructor(
    private readonly connections: LogConnections,
    private readonly settings: RabbitMqSettings,
    private readonly clock: Clock,
    names: Names,
    partitions: Partitions,
  ) {
    const streams = Array.from({ length: partitions.count }, (_, partition) =>
      logStream(names, settings, partitions, partition),
    );
    const writers = streams.map((stream, partition) =>
      this.writerTo(stream, partition === partitions.own),
    );
    const [only] = writers;
    const own = streams[partitions.own];
    if (only === undefined || own === undefined) throw new Error('there is no such partition');
    this.writer = writers.length === 1 ? only : new PartitionedLogWriter(writers, partitions);
    this.reader = this.readerOf(own, partitions.count === 1 ? undefined : partitions.own);
    this.ends = new RabbitMqLogEnds(connections.consuming, this.codec(), streams);
    this.claims = partitions.count === 1 ? this : this.separate(claimsStream(names, settings));
    this.revocations = this.separate(revocationsStream(names));
  }

  async stopReading(): Promise<void> {
    const { reader, claims, revocations } = this;
    await Promise.all([reader, claims.reader, revocations.reader].map((one) => one.stop()));
  }

  private separate(stream: Stream): { writer: LogWriter; reader: LogReader } {
    return { writer: this.writerTo(stream, false), reader: this.readerOf(stream) };
  }

  /**
   * Each stream has a channel of its own, so that one which cannot confirm holds up no other. Without that messages are lost: on
   * one channel for two streams RabbitMQ 3.10.8 confirmed what it never wrote to the one when the leader of the other died.
   */
  private writerTo(stream: Stream, isOwn: boolean): LogWriter {
    const { publishing, consuming } = this.connections;
    const publisher = new ConfirmingPublisher(
      publishing,
      stream.name,
      this.settings.publishTimeout,
      (channel) => stream.declare(channel),
      () => {
        if (!isOwn) return;
        for (const link of [publishing, consuming]) link.move('the log confirms nothing');
      },
    );
    this.publishers.push(publisher);
    return new RabbitMqLogWriter(publisher, this.codec(), stream);
  }

  private readerOf(stream: Stream, partition?: number): LogReader {
    return new RabbitMqLogReader(this.connections.consuming, this.codec(partition), stream);
  }

  private codec(partition?: number): LogCodec {
    return new LogCodec(this.connections.user, this.clock, partition);
  }
}
