import type { Channel } from 'amqplib';

import { END_LOG_AGE } from '../../domain/connection/session-limits';
import type { Partitions } from '../../domain/routing/partitions';
import type { RabbitMqSettings } from './rabbitmq-settings';
import { LOG_SETTINGS, type Retention, StreamDeclaration } from './stream-declaration';

/**
 * Whatever the settings are: the stream cannot be declared otherwise later. The bytes are more than ever come together: ten million
 * ends, or what a thousand nodes write to know that they read.
 */
const REVOCATIONS: Retention = { logMaxAge: END_LOG_AGE, logMaxBytes: 4 * 1024 ** 3 };
/** How often a message may come back to a handler's queue because a node ended or lost its connection; RabbitMQ 4's default. */
const DELIVERY_LIMIT = 20;

/** Names of everything on the broker. */
export class Names {
  constructor(private readonly prefix: string) {}

  get push(): string {
    return `${this.prefix}.push`;
  }

  /** Takes messages for one partition of the log, by its name as routing key. */
  get partition(): string {
    return `${this.prefix}.partition`;
  }

  /** The log, or one partition of it. */
  log(partition: string | undefined): string {
    return partition === undefined ? `${this.prefix}.log` : `${this.prefix}.log.${partition}`;
  }

  /** The log of the handlers' claims, when that of the messages has partitions. */
  get claims(): string {
    return `${this.prefix}.claims`;
  }

  /** The log of the sessions that services have ended. */
  get revocations(): string {
    return `${this.prefix}.revocations`;
  }

  /** By which nodes ask each other. */
  get control(): string {
    return `${this.prefix}.control`;
  }

  /** The queue of one node there. */
  node(id: string): string {
    return `${this.prefix}.node.${id}`;
  }

  get upstream(): string {
    return `${this.prefix}.upstream`;
  }

  get dead(): string {
    return `${this.prefix}.dead`;
  }

  handler(businessType: string): string {
    return `${this.prefix}.handler.${businessType}`;
  }

  /** `delay` in ms. */
  retry(delay: number): string {
    return `${this.prefix}.retry.${String(delay)}`;
  }
}

/** A stream: its name, where to publish so that it takes the message, and how all of that comes to be. */
export interface Stream {
  readonly name: string;
  readonly exchange: string;
  readonly key: string;
  /** True when others publish to it by a way that no node takes, so that no publish is returned when it is gone. */
  readonly hasOtherWay: boolean;
  declare(channel: Channel): Promise<void>;
}

/**
 * A partition of the log. The exchange of pushes leads to every partition; that of partitions to the one which the
 * routing key names, so that a publisher who is wrong about their number gets the message returned.
 */
export function logStream(
  names: Names,
  settings: RabbitMqSettings,
  partitions: Partitions,
  partition: number,
): Stream {
  const own = partitions.nameOf(partition);
  const name = names.log(own);
  const stream = new StreamDeclaration(name, settings, LOG_SETTINGS);
  return {
    name,
    exchange: own === undefined ? names.push : names.partition,
    key: own ?? '',
    hasOtherWay: own !== undefined,
    declare: async (channel) => {
      await channel.assertExchange(names.push, 'fanout', { durable: true });
      await stream.declare(channel);
      await channel.bindQueue(name, names.push, '');
      if (own === undefined) return;
      await channel.assertExchange(names.partition, 'direct', { durable: true });
      await channel.bindQueue(name, names.partition, own);
    },
  };
}

/** The log of the handlers' claims. */
export function claimsStream(names: Names, settings: RabbitMqSettings): Stream {
  return streamApart(names.claims, new StreamDeclaration(names.claims, settings, LOG_SETTINGS));
}

/** The log of the sessions that services have ended. */
export function revocationsStream(names: Names): Stream {
  return streamApart(names.revocations, new StreamDeclaration(names.revocations, REVOCATIONS));
}

/** Only the default exchange leads to it. */
function streamApart(name: string, stream: StreamDeclaration): Stream {
  return {
    name,
    exchange: '',
    key: name,
    hasOtherWay: false,
    declare: (channel) => stream.declare(channel),
  };
}

/** The exchange of upstream messages; handlers, here and elsewhere, bind their queues to it. */
export async function declareUpstream(channel: Channel, names: Names): Promise<void> {
  await channel.assertExchange(names.upstream, 'topic', { durable: true });
}

/** The exchange by which nodes ask each other. */
export async function declareControl(channel: Channel, names: Names): Promise<void> {
  await channel.assertExchange(names.control, 'fanout', { durable: true });
}

/** The dead letters and the queues in which retries wait. */
export async function declareRedelivery(
  channel: Channel,
  names: Names,
  delays: readonly number[],
): Promise<void> {
  await channel.assertExchange(names.dead, 'fanout', { durable: true });
  await declareQuorum(channel, names.dead, {});
  await channel.bindQueue(names.dead, names.dead, '');
  for (const delay of delays) {
    const name = names.retry(delay);
    await channel.assertExchange(name, 'fanout', { durable: true });
    // Expired messages keep their routing key, the handler's queue, and so find back by way of the default exchange.
    await declareQuorum(channel, name, {
      'x-message-ttl': delay,
      'x-dead-letter-exchange': '',
      'x-dead-letter-strategy': 'at-least-once',
      'x-overflow': 'reject-publish',
    });
    await channel.bindQueue(name, name, '');
  }
}

/**
 * A handler's queue. A message that ends every node which works on it is a dead letter in the end: RabbitMQ 3 would deliver it
 * for ever, and RabbitMQ 4 drop it.
 */
export async function declareHandler(
  channel: Channel,
  names: Names,
  businessType: string,
): Promise<void> {
  const name = names.handler(businessType);
  await declareUpstream(channel, names);
  await declareQuorum(channel, name, {
    'x-delivery-limit': DELIVERY_LIMIT,
    // At most once: a queue that dead-letters at least once may lose its leader for good when members come and go
    // (rabbitmq-server issue 16652), and this is for what has ended 21 nodes.
    'x-dead-letter-exchange': names.dead,
  });
  await channel.bindQueue(name, names.upstream, businessType);
}

async function declareQuorum(
  channel: Channel,
  name: string,
  args: Readonly<Record<string, unknown>>,
): Promise<void> {
  await channel.assertQueue(name, {
    durable: true,
    arguments: { 'x-queue-type': 'quorum', ...args },
  });
}
