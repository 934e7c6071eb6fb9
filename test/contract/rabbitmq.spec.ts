import type { RabbitMqBroker } from '../../src/infrastructure/rabbitmq/rabbitmq-broker';
import { freshPrefix, sharedBroker } from '../support/shared-broker';
import { messageLogContract } from './message-log.contract';
import { silence } from './quiet-logger';
import { connectBroker, Program, settingsFor } from './rabbitmq-fixture';
import { RETRY, upstreamContract } from './upstream.contract';

silence();

describe('the log on RabbitMQ', () => {
  messageLogContract(async () => {
    const settings = settingsFor(sharedBroker().url, freshPrefix());
    const brokers: RabbitMqBroker[] = [await connectBroker(settings)];
    const [first] = brokers;
    if (first === undefined) throw new Error('no broker');
    return {
      writer: first.logWriter,
      reader: async () => {
        const broker = await connectBroker(settings);
        brokers.push(broker);
        return broker.logReader;
      },
      close: async () => {
        await Promise.all(brokers.map((broker) => broker.close()));
      },
    };
  });
});

describe('the handlers’ queues on RabbitMQ', () => {
  upstreamContract(async () => {
    const { url } = sharedBroker();
    const prefix = freshPrefix();
    const broker = await connectBroker(
      settingsFor(url, prefix, { retryDelays: [RETRY, 10 * RETRY] }),
    );
    const program = await Program.connect(url);
    return {
      publisher: broker.upstream,
      queues: broker.queues,
      deadLetters: () => program.deadLetters(prefix),
      close: async () => {
        await broker.close();
        await program.close();
      },
    };
  });
});
