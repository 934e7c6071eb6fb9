import type { Provider } from '@nestjs/common';

import { Clock } from '../application/ports/clock';
import { ClaimsLog, LogEnds, LogReader, LogWriter } from '../application/ports/message-log';
import { HandlerQueues, UpstreamPublisher } from '../application/ports/upstream';
import { Broker } from '../application/wirepost-node';
import type { Partitions } from '../domain/routing/partitions';
import { EmbeddedLog, EmbeddedLogReader } from './embedded/embedded-log';
import { EmbeddedQueues, EmbeddedUpstreamPublisher } from './embedded/embedded-queues';
import { RabbitMqBroker } from './rabbitmq/rabbitmq-broker';
import type { RabbitMqSettings } from './rabbitmq/rabbitmq-settings';

/** The adapters behind the log's and queues' ports: RabbitMQ when there are settings for it, else in memory. */
export function brokerProviders(
  rabbitmq: RabbitMqSettings | undefined,
  log: { readonly maxBytes: number },
  partitions: Partitions,
): Provider[] {
  return rabbitmq === undefined ? embedded(log.maxBytes) : onRabbitMq(rabbitmq, partitions);
}

function onRabbitMq(settings: RabbitMqSettings, partitions: Partitions): Provider[] {
  const part = <T>(provide: abstract new () => T, of: (broker: RabbitMqBroker) => T): Provider => ({
    provide,
    inject: [Broker],
    useFactory: of,
  });
  return [
    {
      provide: Broker,
      inject: [Clock],
      useFactory: (clock: Clock) => new RabbitMqBroker(spread(settings), clock, partitions),
    },
    part(LogWriter, (broker) => broker.logWriter),
    part(LogReader, (broker) => broker.logReader),
    part(LogEnds, (broker) => broker.logEnds),
    part(ClaimsLog, (broker) => broker.claimsLog),
    part(UpstreamPublisher, (broker) => broker.upstream),
    part(HandlerQueues, (broker) => broker.queues),
  ];
}

/** Each node begins with another server of a cluster, so that not all read and publish at the first one. */
function spread(settings: RabbitMqSettings): RabbitMqSettings {
  const { urls } = settings;
  const first = Math.floor(Math.random() * urls.length);
  return { ...settings, urls: [...urls.slice(first), ...urls.slice(0, first)] };
}

function embedded(maxBytes: number): Provider[] {
  const nothing: Broker = { connect: () => Promise.resolve(), close: () => Promise.resolve() };
  return [
    { provide: Broker, useValue: nothing },
    {
      provide: EmbeddedLog,
      inject: [Clock],
      useFactory: (clock: Clock) => new EmbeddedLog(clock, maxBytes),
    },
    { provide: LogWriter, useExisting: EmbeddedLog },
    {
      provide: LogReader,
      inject: [EmbeddedLog, Clock],
      useFactory: (one: EmbeddedLog, clock: Clock) => new EmbeddedLogReader(one, clock),
    },
    { provide: HandlerQueues, useClass: EmbeddedQueues },
    {
      provide: UpstreamPublisher,
      inject: [HandlerQueues, Clock],
      useFactory: (queues: EmbeddedQueues, clock: Clock) =>
        new EmbeddedUpstreamPublisher(queues, clock),
    },
  ];
}
