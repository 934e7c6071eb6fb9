import type { RabbitMqBroker } from '../../src/infrastructure/rabbitmq/rabbitmq-broker';
import { eventually } from '../support/eventually';
import { freshPrefix, sharedBroker } from '../support/shared-broker';
import { messageLogContract } from './message-log.contract';
import { silence } from './quiet-logger';
import { connectBroker, Program, settingsFor } from './rabbitmq-fixture';
import { question, RETRY, ToldHandler, upstreamContract } from './upstream.contract';

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
  describe('and their messages', () => {
    const businessType = 'qrcode.refresh';
    let prefix: string;
    let broker: RabbitMqBroker;
    let program: Program;
    beforeEach(async () => {
      prefix = freshPrefix();
      broker = await connectBroker(settingsFor(sharedBroker().url, prefix));
      program = await Program.connect(sharedBroker().url);
    });
    afterEach(async () => {
      await broker.close();
      await program.close();
    });

    it('are dead letters when they have come back twenty times, as from nodes that died of them', async () => {
      await broker.queues.consume({ businessType, concurrency: 1 }, new ToldHandler().handle);
      await broker.queues.stop(0);
      await broker.upstream.publish(question({ messageId: 'fatal', businessType }));
      const queue = `${prefix}.handler.${businessType}`;
      for (let times = 0; times <= 20; times += 1) {
        // The channel ends with the message in work.
        await eventually(async () => {
          expect(await program.peek(queue)).toHaveLength(1);
        });
      }
      await eventually(async () => {
        expect(await program.peek(`${prefix}.dead`)).toHaveLength(1);
      });
      expect(await program.peek(queue)).toEqual([]);
      const [letter] = await program.peek(`${prefix}.dead`);
      expect(letter?.properties).toMatchObject({
        messageId: 'fatal',
        headers: { 'x-death': [{ reason: 'delivery_limit', queue }] },
      });
    });

    it('are refused when they would be too long to be read again', async () => {
      await broker.queues.consume({ businessType, concurrency: 1 }, new ToldHandler().handle);
      // A client may write it in 250 kB; JSON.stringify writes 21 digits for each.
      const content = Array.from({ length: 50_000 }, () => 1e20);
      await expect(
        broker.upstream.publish(question({ messageId: 'long', businessType, content })),
      ).rejects.toMatchObject({ code: 'TOO_LARGE', retryable: false });
    });
  });

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
