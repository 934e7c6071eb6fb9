import { setTimeout as wait } from 'node:timers/promises';

import { type Channel, type ChannelModel, connect } from 'amqplib';

import { RabbitMqNode } from '../support/rabbitmq-node';

const STEP = 50;
const ARRIVE_LIMIT = 10_000;

/** The user under which backends publish: not the service's own, so that what they publish is checked. */
export const BACKEND = { user: 'backend', password: 'backend' } as const;

/** A RabbitMQ server for the bench alone. */
export class Broker {
  private constructor(
    readonly node: RabbitMqNode,
    readonly version: string,
    private readonly connection: ChannelModel,
    private readonly channel: Channel,
  ) {}

  static async start(): Promise<Broker> {
    const node = await RabbitMqNode.start();
    await node.addUser(BACKEND.user, undefined, BACKEND.password);
    const connection = await connect(node.url);
    const { version } = connection.connection.serverProperties;
    return new Broker(node, version, connection, await connection.createChannel());
  }

  /** A durable quorum queue that takes what comes from an exchange; nobody consumes it. */
  async sink(queue: string, exchange: string, pattern: string): Promise<void> {
    await this.channel.assertQueue(queue, {
      durable: true,
      arguments: { 'x-queue-type': 'quorum' },
    });
    await this.channel.bindQueue(queue, exchange, pattern);
  }

  /** Messages in a queue, as soon as there are `expected` or no more come. */
  async arrived(queue: string, expected: number): Promise<number> {
    let waited = 0;
    for (;;) {
      const { messageCount } = await this.channel.checkQueue(queue);
      if (messageCount >= expected || waited >= ARRIVE_LIMIT) return messageCount;
      waited += STEP;
      await wait(STEP);
    }
  }

  async purge(queue: string): Promise<void> {
    await this.channel.purgeQueue(queue);
  }

  /** Deletes every queue whose name begins like this. */
  async deleteQueues(prefix: string): Promise<void> {
    const names = (await this.node.ctl('list_queues', '--no-table-headers', 'name')).split('\n');
    for (const name of names.map((one) => one.trim())) {
      if (name.startsWith(prefix)) await this.channel.deleteQueue(name);
    }
  }

  async stop(): Promise<void> {
    await this.connection.close();
    await this.node.stop();
  }
}
