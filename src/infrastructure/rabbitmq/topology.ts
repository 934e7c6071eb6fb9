import type { Channel } from 'amqplib';

import type { RabbitMqSettings } from './rabbitmq-settings';

const MAX_SEGMENT = 100 * 1024 * 1024;
const MIN_SEGMENT = 64 * 1024;

/** Names of everything on the broker. */
export class Names {
  constructor(private readonly prefix: string) {}

  get push(): string {
    return `${this.prefix}.push`;
  }

  get log(): string {
    return `${this.prefix}.log`;
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

/** The exchange of pushes and the stream behind it: retention drops whole segments, so they are small beside it. */
export async function declareLog(
  channel: Channel,
  names: Names,
  settings: RabbitMqSettings,
): Promise<void> {
  const segment = Math.min(
    MAX_SEGMENT,
    Math.max(MIN_SEGMENT, Math.floor(settings.logMaxBytes / 10)),
  );
  await channel.assertExchange(names.push, 'fanout', { durable: true });
  await channel.assertQueue(names.log, {
    durable: true,
    arguments: {
      'x-queue-type': 'stream',
      'x-max-age': `${String(Math.ceil(settings.logMaxAge / 1000))}s`,
      'x-max-length-bytes': settings.logMaxBytes,
      'x-stream-max-segment-size-bytes': segment,
    },
  });
  await channel.bindQueue(names.log, names.push, '');
}

/** The exchange of upstream messages; handlers, here and elsewhere, bind their queues to it. */
export async function declareUpstream(channel: Channel, names: Names): Promise<void> {
  await channel.assertExchange(names.upstream, 'topic', { durable: true });
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

/** A handler's queue. */
export async function declareHandler(
  channel: Channel,
  names: Names,
  businessType: string,
): Promise<void> {
  const name = names.handler(businessType);
  await declareUpstream(channel, names);
  await declareQuorum(channel, name, {});
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
