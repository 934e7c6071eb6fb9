import { RabbitMqNode } from './rabbitmq-node';
import { openRunFolder } from './run-folder';

/** One broker for the whole run; specs keep apart by `freshPrefix`, those that kill a broker start their own. */
export default async function setup(): Promise<void> {
  openRunFolder();
  const node = await RabbitMqNode.start();
  process.env['TEST_AMQP_NODE'] = node.description;
}
