import { connect } from 'amqplib';
import { type WebSocket, WebSocketServer } from 'ws';

/*
 * What a team writes by hand: ws and amqplib, a durable queue for this gateway bound to a topic exchange, each message
 * acknowledged; upstream persistent and confirmed. No tokens, no validation, nothing that is kept for who is away.
 * Arguments: the port, the broker's URL, the names' prefix.
 */
const [, , port = '', url = '', prefix = ''] = process.argv;
const PREFETCH = 300;

async function main(): Promise<void> {
  // Without Nagle's algorithm, as the service: an ack or a publish behind another would wait for the broker's.
  const connection = await connect(url, { noDelay: true });
  const down = await connection.createChannel();
  const up = await connection.createConfirmChannel();
  const exchange = `${prefix}.push`;
  const upstream = `${prefix}.upstream`;
  await down.assertExchange(exchange, 'topic', { durable: true });
  await down.assertExchange(upstream, 'topic', { durable: true });
  const queue = `${prefix}.gateway`;
  await down.assertQueue(queue, { durable: true });
  await down.bindQueue(queue, exchange, 'user.*');
  await down.bindQueue(queue, exchange, 'everybody');
  await down.assertQueue(`${prefix}.sink`, { durable: true });
  await down.bindQueue(`${prefix}.sink`, upstream, '#');
  await down.prefetch(PREFETCH);

  const users = new Map<string, WebSocket>();
  const server = new WebSocketServer({
    port: Number(port),
    host: '127.0.0.1',
    backlog: 4096,
    perMessageDeflate: false,
  });
  server.on('connection', (socket, request) => {
    const id = (request.url ?? '').split('=')[1] ?? '';
    users.set(id, socket);
    socket.on('error', () => undefined);
    socket.on('close', () => users.delete(id));
    socket.on('message', (data) => {
      const text = data as Buffer;
      const { id: messageId } = JSON.parse(text.toString()) as { id: string };
      const options = { persistent: true, contentType: 'application/json', messageId };
      up.publish(upstream, `up.${id}`, text, options, (error: unknown) => {
        socket.send(error === null ? `{"ack":"${messageId}"}` : `{"nack":"${messageId}"}`);
      });
    });
  });
  await down.consume(queue, (message) => {
    if (message === null) return;
    const { routingKey } = message.fields;
    if (routingKey === 'everybody') {
      for (const client of server.clients) client.send(message.content, { binary: false });
    } else {
      users.get(routingKey.slice('user.'.length))?.send(message.content, { binary: false });
    }
    down.ack(message);
  });
}

main().catch((error: unknown) => {
  process.stderr.write(`${String(error)}\n`);
  process.exit(1);
});
