// A backend of its own: binds a queue to the upstream exchange and answers by push, with amqplib and nothing of Wirepost.
const amqp = require('amqplib');

const [url, prefix] = process.argv.slice(2);

async function main() {
  const connection = await amqp.connect(url);
  const channel = await connection.createConfirmChannel();
  const { queue } = await channel.assertQueue(`${prefix}.external`, { durable: true });
  await channel.bindQueue(queue, `${prefix}.upstream`, 'stock.#');
  await channel.prefetch(10);
  await channel.consume(queue, async (delivery) => {
    const question = JSON.parse(delivery.content.toString());
    const answer = {
      sendType: 'UNICAST',
      messageType: 'SERVER_TO_CLIENT',
      businessType: question.businessType,
      toUniqueId: question.fromUniqueId,
      content: { article: question.content.article, pieces: 7, asked: question.fromUniqueId },
      messageId: `answer-${question.messageId}`,
      correlationId: question.messageId,
    };
    const options = { persistent: true, mandatory: true };
    channel.publish(
      `${prefix}.push`,
      question.businessType,
      Buffer.from(JSON.stringify(answer)),
      options,
    );
    await channel.waitForConfirms();
    channel.ack(delivery);
  });
  process.stdout.write('ready\n');
}

main();
