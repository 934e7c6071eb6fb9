import amqp from 'amqplib';

import { AmqpPublisher } from '../../bench/generator/amqp-publisher';
import { SEQUENCE, USER } from '../../bench/generator/template';
import { freshPrefix, sharedBroker } from '../../support/shared-broker';

const COUNT = 2000;
const FIRST = 5000;
/** Of different lengths, so that a message in the place of another would be seen. */
const KEYS = ['even', 'odd-one'] as const;

interface Landed {
  readonly user: number;
  readonly sequence: number;
}

describe('AmqpPublisher of the bench', () => {
  const prefix = freshPrefix();
  const exchange = `${prefix}.exchange`;
  const { port, username, password } = new URL(sharedBroker().url);
  const plan = {
    port: Number(port),
    user: username,
    password,
    exchange,
    routingKeys: KEYS,
    body: `{"to":"${USER}","n":"${SEQUENCE}"}`,
    users: 5,
    count: COUNT,
    rate: 0,
    window: 100,
  };
  let connection: amqp.ChannelModel;
  let channel: amqp.Channel;
  beforeAll(async () => {
    connection = await amqp.connect(sharedBroker().url);
    channel = await connection.createChannel();
    await channel.assertExchange(exchange, 'direct', { durable: false });
    for (const key of KEYS) {
      await channel.assertQueue(`${prefix}.${key}`, { durable: false });
      await channel.bindQueue(`${prefix}.${key}`, exchange, key);
    }
  });
  afterAll(async () => {
    for (const key of KEYS) await channel.deleteQueue(`${prefix}.${key}`);
    await channel.deleteExchange(exchange);
    await connection.close();
  });

  async function landed(key: string): Promise<readonly Landed[]> {
    const found: Landed[] = [];
    for (;;) {
      const message = await channel.get(`${prefix}.${key}`, { noAck: true });
      if (message === false) return found;
      const body = JSON.parse(message.content.toString()) as { to: string; n: string };
      found.push({ user: Number(body.to.slice(1)), sequence: Number(body.n.slice(1)) });
    }
  }

  it('sends each message with its user’s key, once, and counts the confirm of each', async () => {
    const published = await AmqpPublisher.publish(plan, FIRST);
    expect(published).toMatchObject({ sent: COUNT, confirmed: COUNT, problem: '' });
    const queues = await Promise.all(KEYS.map(landed));
    queues.forEach((messages, parity) => {
      expect(messages.length).toBeGreaterThan(0);
      for (const { user } of messages) expect(user % KEYS.length).toBe(parity);
    });
    const all = queues.flat();
    const sequences = all.map(({ sequence }) => sequence).sort((a, b) => a - b);
    expect(sequences).toEqual(Array.from({ length: COUNT }, (_, i) => FIRST + i));
    const counts = published.counts.map((_, user) => all.filter((one) => one.user === user).length);
    expect(published.counts).toEqual(counts);
  });

  it('says that a message came back whose key leads nowhere', async () => {
    const published = await AmqpPublisher.publish({ ...plan, routingKeys: ['even', 'none'] }, 0);
    expect(published.problem).toBe('returned by the broker');
  });
});
