import { readFileSync } from 'node:fs';

import amqp from 'amqplib';

import { brokerVersion, RabbitMqNode } from '../support/rabbitmq-node';

const IS_NEW = !brokerVersion().startsWith('3.');
const FILES = ['rabbitmq.conf', ...(IS_NEW ? ['rabbitmq-4.conf'] : [])];

describe('the broker of docker/', () => {
  let broker: RabbitMqNode;
  beforeAll(async () => {
    const lines = FILES.flatMap((file) =>
      readFileSync(`docker/rabbitmq/${file}`, 'utf8').split('\n'),
    );
    broker = await RabbitMqNode.start(lines);
    // The tests' own, for all brokers but this one.
    if (IS_NEW) await broker.ctl('clear_policy', 'dead');
  }, 120_000);
  afterAll(() => broker.stop(), 60_000);

  it('agrees to frames of 16 KiB at most, in which headers cannot be nested too deep', async () => {
    const model = await amqp.connect(`${broker.url}?frameMax=0`);
    const { frameMax } = model.connection as unknown as { frameMax: number };
    expect(frameMax).toBe(16_384);
    await model.close();
  });

  it('keeps a dead letter however often it is looked at', async () => {
    const connection = await amqp.connect(broker.url);
    const channel = await connection.createConfirmChannel();
    await channel.assertQueue('wirepost.dead', { arguments: { 'x-queue-type': 'quorum' } });
    channel.sendToQueue('wirepost.dead', Buffer.from('letter'), { persistent: true });
    await channel.waitForConfirms();
    for (let looks = 0; looks < 50; looks += 1) {
      const letter = await channel.get('wirepost.dead');
      if (letter === false) throw new Error(`it is gone after ${String(looks)} looks`);
      channel.nack(letter);
    }
    await connection.close();
  });
});
