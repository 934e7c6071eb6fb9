import type { Duplex } from 'node:stream';

import amqp, { type Channel, type ChannelModel, type GetMessage } from 'amqplib';

import { SystemClock } from '../../src/infrastructure/observability/system-clock';
import { RabbitMqBroker } from '../../src/infrastructure/rabbitmq/rabbitmq-broker';
import type { RabbitMqSettings } from '../../src/infrastructure/rabbitmq/rabbitmq-settings';
import type { Buried } from './upstream.contract';

/** Settings for a broker at a URL. */
export function settingsFor(
  url: string,
  prefix: string,
  over: Partial<RabbitMqSettings> = {},
): RabbitMqSettings {
  return {
    urls: [url],
    prefix,
    connectTimeout: 10_000,
    publishTimeout: 5000,
    logMaxAge: 3_600_000,
    trustedUsers: [],
    logMaxBytes: 100_000_000,
    retryDelays: [300, 2000],
    ...over,
  };
}

/** Adapters that are connected. */
export async function connectBroker(settings: RabbitMqSettings): Promise<RabbitMqBroker> {
  const broker = new RabbitMqBroker(settings, new SystemClock());
  await broker.connect();
  return broker;
}

/** Another program at the same broker. */
export class Program {
  private constructor(
    private readonly url: string,
    private readonly connection: ChannelModel,
    readonly channel: Channel,
  ) {}

  static async connect(url: string): Promise<Program> {
    const connection = await amqp.connect(url);
    connection.on('error', () => undefined);
    const channel = await connection.createConfirmChannel();
    channel.on('error', () => undefined);
    return new Program(url, connection, channel);
  }

  async close(): Promise<void> {
    await this.connection.close().catch(() => undefined);
  }

  /** What is published from now on has bytes that are no UTF-8 in place of eight `~` or more, which amqplib would not write. */
  writeBadUtf8(): void {
    const { stream } = this.connection.connection as unknown as { readonly stream: Duplex };
    const write = stream.write.bind(stream) as (chunk: Buffer) => boolean;
    stream.write = (chunk: Buffer): boolean => {
      const bytes = chunk
        .toString('latin1')
        .replace(/~{8,}/g, ({ length }) => '\xff'.repeat(length));
      return write(Buffer.from(bytes, 'latin1'));
    };
  }

  /**
   * Everything in a queue, which is left as it is. On a connection of its own, which the broker closes for a queue that is just
   * being made (541).
   */
  async peek(queue: string): Promise<GetMessage[]> {
    const connection = await amqp.connect(this.url);
    connection.on('error', () => undefined);
    try {
      const channel = await connection.createChannel();
      // A queue that is not there; `get` says so.
      channel.on('error', () => undefined);
      const found: GetMessage[] = [];
      for (;;) {
        const message = await channel.get(queue);
        if (message === false) return found;
        found.push(message);
      }
    } finally {
      await connection.close().catch(() => undefined);
    }
  }

  async deadLetters(prefix: string): Promise<Buried[]> {
    return (await this.peek(`${prefix}.dead`)).map(({ properties }) => ({
      messageId: String(properties.messageId),
      reason: String(properties.headers?.['wp-reason']),
      attempt: Number(properties.headers?.['wp-attempt']),
    }));
  }
}
