import { hostname } from 'node:os';

import type { Provider } from '@nestjs/common';

import { Broker } from '../application/ports/broker';
import { Clock } from '../application/ports/clock';
import {
  ClaimsLog,
  LogEnds,
  LogReader,
  LogWriter,
  RevocationLog,
} from '../application/ports/message-log';
import { Nodes } from '../application/ports/nodes';
import { HandlerQueues, UpstreamPublisher } from '../application/ports/upstream';
import { provide } from '../application/provide';
import type { Partitions } from '../domain/routing/partitions';
import { EmbeddedLog, EmbeddedLogReader } from './embedded/embedded-log';
import { EmbeddedNodes } from './embedded/embedded-nodes';
import { EmbeddedQueues, EmbeddedUpstreamPublisher } from './embedded/embedded-queues';
import { RabbitMqBroker } from './rabbitmq/rabbitmq-broker';
import type { RabbitMqSettings } from './rabbitmq/rabbitmq-settings';

/** Bytes of the embedded log of ended sessions: some ten thousands of them. */
const REVOCATIONS_MAX_BYTES = 16 * 1024 * 1024;

/** The adapters behind the log's and queues' ports: RabbitMQ when there are settings for it, else in memory. */
export function brokerProviders(
  rabbitmq: RabbitMqSettings | undefined,
  log: { readonly maxBytes: number },
  partitions: Partitions,
): Provider[] {
  return rabbitmq === undefined ? embedded(log.maxBytes) : onRabbitMq(rabbitmq, partitions);
}

function onRabbitMq(settings: RabbitMqSettings, partitions: Partitions): Provider[] {
  const part = <T>(port: abstract new () => T, of: (broker: RabbitMqBroker) => T): Provider =>
    provide(port, [RabbitMqBroker], of);
  return [
    provide(
      RabbitMqBroker,
      [Clock],
      (clock) => new RabbitMqBroker(spread(settings), clock, partitions, nodeName()),
    ),
    { provide: Broker, useExisting: RabbitMqBroker },
    part(LogWriter, (broker) => broker.logWriter),
    part(LogReader, (broker) => broker.logReader),
    part(LogEnds, (broker) => broker.logEnds),
    part(ClaimsLog, (broker) => broker.claimsLog),
    part(Nodes, (broker) => broker.nodes),
    part(RevocationLog, (broker) => broker.revocationLog),
    part(UpstreamPublisher, (broker) => broker.upstream),
    part(HandlerQueues, (broker) => broker.queues),
  ];
}

/** By which people know this node: its machine or container, and its process there. */
function nodeName(): string {
  return `${hostname()}/${String(process.pid)}`;
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
    provide(EmbeddedLog, [Clock], (clock) => new EmbeddedLog(clock, maxBytes)),
    { provide: LogWriter, useExisting: EmbeddedLog },
    provide(LogReader, [EmbeddedLog, Clock], (one, clock) => new EmbeddedLogReader(one, clock)),
    provide(RevocationLog, [Clock], (clock) => {
      const writer = new EmbeddedLog(clock, REVOCATIONS_MAX_BYTES);
      return { writer, reader: new EmbeddedLogReader(writer, clock) };
    }),
    provide(Nodes, [], () => new EmbeddedNodes(nodeName())),
    EmbeddedQueues,
    { provide: HandlerQueues, useExisting: EmbeddedQueues },
    provide(
      UpstreamPublisher,
      [EmbeddedQueues, Clock],
      (queues, clock) => new EmbeddedUpstreamPublisher(queues, clock),
    ),
  ];
}
