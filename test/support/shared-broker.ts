import { RabbitMqNode } from './rabbitmq-node';

/** The broker that the whole run shares. */
export function sharedBroker(): RabbitMqNode {
  const description = process.env['TEST_AMQP_NODE'];
  if (description === undefined)
    throw new Error('the shared broker was not started by the global set-up');
  return RabbitMqNode.of(description);
}

let prefixes = 0;

/** A prefix for exchanges and queues that no other spec uses. */
export function freshPrefix(): string {
  return `t${String(process.pid)}-${String(Date.now() % 100_000)}-${String(++prefixes)}`;
}

/** Settings of a node on the shared broker. */
export function onSharedBroker(): Record<string, string> {
  return { AMQP_URL: sharedBroker().url, AMQP_PREFIX: freshPrefix() };
}
