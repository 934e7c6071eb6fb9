import { readFileSync } from 'node:fs';

import amqp from 'amqplib';

import { connectBroker, Program, settingsFor } from '../contract/rabbitmq-fixture';
import { ToldHandler } from '../contract/upstream.contract';
import { eventually } from '../support/eventually';
import { aQuestion } from '../support/message.builder';
import { brokerVersion, RabbitMqNode } from '../support/rabbitmq-node';
import { freshPrefix } from '../support/shared-broker';

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

  it('takes the dead letter of a message that has as many headers as a frame has room for', async () => {
    const prefix = freshPrefix();
    const node = await connectBroker(settingsFor(broker.url, prefix));
    const program = await Program.connect(broker.url);
    const businessType = 'qrcode.refresh';
    const handler = new ToldHandler(() => ({ kind: 'reject', reason: '你'.repeat(1000) }));
    await node.queues.consume({ businessType, concurrency: 1 }, handler.handle);
    const headers: Record<string, string> = { 'x-trace': 'abc' };
    for (let n = 0; n < 10; n += 1) headers[`long-${String(n)}`] = 'x'.repeat(1500);
    program.channel.publish(
      `${prefix}.upstream`,
      businessType,
      Buffer.from(JSON.stringify(aQuestion({ messageId: 'm1' }))),
      { messageId: 'm1', headers },
    );
    await eventually(async () => {
      expect(await program.deadLetters(prefix)).toMatchObject([{ messageId: 'm1', attempt: 1 }]);
    });
    const [letter] = await program.peek(`${prefix}.dead`);
    expect(letter?.properties.headers).toHaveProperty('x-trace');
    expect(letter?.properties.headers).toHaveProperty('long-4');
    await node.close();
    await program.close();
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
