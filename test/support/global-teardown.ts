import { RabbitMqNode } from './rabbitmq-node';

export default async function teardown(): Promise<void> {
  const description = process.env['TEST_AMQP_NODE'];
  if (description !== undefined) await RabbitMqNode.of(description).stop();
}
