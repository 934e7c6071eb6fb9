import amqp from 'amqplib';
import { WebSocket } from 'ws';

import { Metrics } from '../../src/application/ports/metrics';
import { TraceMessage } from '../../src/application/receipts/trace-message';
import { connect as connectSdk } from '../../src/client';
import { Partitions } from '../../src/domain/routing/partitions';
import { eventually } from '../support/eventually';
import { aBody, aQuestion } from '../support/message.builder';
import { onSharedBroker } from '../support/shared-broker';
import { TestClient } from '../support/test-client';
import { callsOf, TestHandlersModule } from '../support/test-handlers';
import { TestNode } from '../support/test-node';

const COUNT = 2;
const PUBLIC_URL = 'ws://partition-{partition}.test';
const EVERYBODY = { sendType: 'BROADCAST', toUniqueId: undefined } as const;
const partitions = new Partitions(COUNT, 0);

/** A user of a partition, another one with each `name`. */
function userOf(partition: number, name: string): string {
  for (let i = 0; ; i += 1) {
    const user = `${name}-${String(i)}`;
    if (partitions.of(user) === partition) return user;
  }
}

describe('two partitions of the log with two nodes each', () => {
  const broker = onSharedBroker();
  const env = { ...broker, PUBLIC_URL, LOG_PARTITIONS: String(COUNT) };
  const nodes: TestNode[][] = [];
  beforeAll(async () => {
    for (let partition = 0; partition < COUNT; partition += 1) {
      const own = { ...env, LOG_PARTITION: String(partition) };
      nodes.push(
        await Promise.all([own, own].map((one) => TestNode.start(one, [TestHandlersModule]))),
      );
    }
  });
  afterAll(() => Promise.all(nodes.flat().map((node) => node.stop())));

  /** Node `i` of a partition. */
  function at(partition: number, i = 0): TestNode {
    const node = nodes[partition]?.[i];
    if (node === undefined) throw new Error('no such node');
    return node;
  }

  /** Asks a node for a URL, and reads it as clients do: which partition, and which token. */
  async function askFor(
    uniqueId: string,
    from: TestNode,
    grants: object = {},
  ): Promise<{ partition: number; token: string }> {
    const { data } = await from.post<string>('/websocket/token', {
      uniqueId,
      clientType: 'H5',
      ...grants,
    });
    const { hostname, pathname } = new URL(data);
    const partition = Number(/^partition-(\d)\.test$/.exec(hostname)?.[1]);
    return { partition, token: pathname.slice('/socket/'.length) };
  }

  /** A URL as a backend gets it. */
  async function urlFor(uniqueId: string): Promise<string> {
    const path = `/websocket/token?uniqueId=${uniqueId}&clientType=H5`;
    return (await at(partitions.of(uniqueId)).get<string>(path)).data;
  }

  async function connect(
    uniqueId: string,
    { i = 0, ...grants }: { i?: number; [grant: string]: unknown } = {},
  ): Promise<TestClient> {
    // Of its own partition: a token of the other one may start a moment before it was issued.
    const partition = partitions.of(uniqueId);
    const { token } = await askFor(uniqueId, at(partition), grants);
    const client = TestClient.connect(at(partition, i).socketUrl(token));
    await eventually(() => {
      expect(client.welcome).toBeDefined();
    });
    return client;
  }

  it('lead each user to the nodes of its partition, whichever node issues the token', async () => {
    for (const partition of [0, 1]) {
      const user = userOf(partition, 'led');
      for (const from of nodes.flat()) {
        expect(await askFor(user, from)).toMatchObject({ partition });
      }
    }
  });

  it('deliver what any node takes: to one user, to holders of a label, to everybody, in one order', async () => {
    const users = [userOf(0, 'all'), userOf(1, 'all')];
    const clients = await Promise.all(users.map((user, i) => connect(user, { tags: ['tea'], i })));
    const [first = '', second = ''] = users;
    for (const [i, from] of nodes.flat().entries()) {
      await from.push(aBody({ toUniqueId: first, content: `${String(i)} first` }));
      await from.push(aBody({ toUniqueId: second, content: `${String(i)} second` }));
      await from.push(
        aBody({ sendType: 'MULTICAST', toUniqueId: undefined, tags: ['tea'], content: i }),
      );
      await from.push(aBody({ ...EVERYBODY, content: `${String(i)} all` }));
    }
    const expected = (who: string): unknown[] =>
      [0, 1, 2, 3].flatMap((i) => [`${String(i)} ${who}`, i, `${String(i)} all`]);
    await eventually(() => {
      expect(clients.map(({ contents }) => contents)).toEqual([
        expected('first'),
        expected('second'),
      ]);
    });
  });

  it('keep the order of one caller between messages for one and for all', async () => {
    const user = userOf(1, 'order');
    const client = await connect(user);
    const bodies = Array.from({ length: 300 }, (_, i) =>
      aBody({ ...(i % 3 === 0 ? EVERYBODY : { toUniqueId: user }), content: i }),
    );
    const answer = await at(0).post<{ results?: unknown[] }>('/websocket/push/batch', bodies);
    expect(answer.status).toBeLessThan(300);
    await eventually(() => {
      expect(client.contents).toEqual(bodies.map(({ content }) => content));
    });
  });

  it('deliver what was pushed between the token and the connection', async () => {
    for (const partition of [0, 1]) {
      const user = userOf(partition, 'early');
      const { token } = await askFor(user, at(1 - partition));
      await at(0).push(aBody({ toUniqueId: user, content: 'before' }));
      const client = TestClient.connect(at(partition).socketUrl(token));
      // The token's position is a moment old, and so may be before what an earlier test has sent to everybody.
      const own = (): unknown[] =>
        client.bodies.filter((body) => body['toUniqueId'] === user).map((body) => body['content']);
      await eventually(() => {
        expect(own()).toEqual(['before']);
      });
    }
  });

  it('open one connection for a URL that is used at both nodes in the same moment', async () => {
    for (let round = 0; round < 10; round += 1) {
      const { token } = await askFor(userOf(1, 'race'), at(0));
      const clients = [0, 1].map((i) => TestClient.connect(at(1, i).socketUrl(token)));
      await eventually(() => {
        expect(clients.filter(({ welcome }) => welcome !== undefined)).toHaveLength(1);
        expect(clients.filter(({ closed }) => closed?.code === 4401)).toHaveLength(1);
      });
      for (const client of clients) client.terminate();
    }
  });

  it('send a client away from a node of the other partition, and leave its token unused', async () => {
    const warned = jest.spyOn(process.stdout, 'write').mockImplementation(() => true);
    const { token } = await askFor(userOf(1, 'lost'), at(1));
    const astray = TestClient.connect(at(0).socketUrl(token));
    await eventually(() => {
      expect(astray.closed).toEqual({ code: 4401, reason: 'token of another partition' });
    });
    warned.mockRestore();
    const client = TestClient.connect(at(1).socketUrl(token));
    await eventually(() => {
      expect(client.welcome).toBeDefined();
    });
  });

  it('resume a client of one node at the other one of its partition', async () => {
    const user = userOf(1, 'moves');
    const first = await connect(user, { i: 0 });
    await at(0).push(aBody({ toUniqueId: user, content: 0 }));
    await eventually(() => {
      expect(first.contents).toEqual([0]);
    });
    first.terminate();
    for (let i = 1; i <= 4; i += 1) {
      const to = i % 2 === 0 ? EVERYBODY : { toUniqueId: user };
      await at(i % 2).push(aBody({ ...to, content: i }));
    }
    const reconnectToken = String(first.welcome?.['reconnectToken']);
    const second = TestClient.connect(at(1, 1).socketUrl(reconnectToken), { cursor: first.cursor });
    await eventually(() => {
      expect(second.contents).toEqual([1, 2, 3, 4]);
    });
    expect(second.ops('gap')).toHaveLength(0);
  });

  it('take a message to everybody once, however often and wherever it is repeated', async () => {
    const clients = await Promise.all([0, 1].map((p) => connect(userOf(p, 'once'))));
    const body = aBody({ ...EVERYBODY, messageId: 'once-for-all', content: 'once' });
    await Promise.all(nodes.flat().map((node) => node.push(body)));
    await at(0).push(aBody({ ...EVERYBODY, content: 'end' }));
    await eventually(() => {
      for (const client of clients) expect(client.contents).toEqual(['once', 'end']);
    });
  });

  it('run a handler once for a message that a client sends at both nodes, and bring the reply to both', async () => {
    for (const partition of [0, 1]) {
      const user = userOf(partition, 'asks');
      const clients = await Promise.all([0, 1].map((i) => connect(user, { i })));
      const ids = Array.from({ length: 20 }, (_, i) => `p${String(partition)}-${String(i)}`);
      for (const messageId of ids) {
        const question = aQuestion({ businessType: 'test.echo', messageId, content: messageId });
        for (const client of clients) client.send(question);
      }
      await eventually(() => {
        for (const client of clients) {
          expect(client.ops('accepted')).toHaveLength(20);
          expect([...client.contents].sort()).toEqual([...ids].sort());
        }
      });
      for (const id of ids) expect(callsOf('test.echo', id)).toHaveLength(1);
    }
  });

  it('bring what one client sends to a client of the other partition', async () => {
    const [from, to] = [userOf(0, 'talks'), userOf(1, 'talks')];
    const sender = await connect(from, { clientToClient: true });
    const receiver = await connect(to);
    sender.send(aBody({ messageType: 'CLIENT_TO_CLIENT', toUniqueId: to, content: 'hello' }));
    await eventually(() => {
      expect(receiver.bodies[0]).toMatchObject({ content: 'hello', fromUniqueId: from });
    });
  });

  it('get back what was taken away by which backends publish to all of them', async () => {
    const [prefix, url] = [String(broker['AMQP_PREFIX']), String(broker['AMQP_URL'])];
    const connection = await amqp.connect(url);
    const channel = await connection.createConfirmChannel();
    await channel.unbindQueue(`${prefix}.log.2.1`, `${prefix}.push`, '');
    const user = userOf(1, 'unbound');
    const client = await connect(user);
    let n = 0;
    await eventually(
      async () => {
        const body = aBody({ toUniqueId: user, content: ++n });
        channel.publish(`${prefix}.push`, '', Buffer.from(JSON.stringify(body)));
        await channel.waitForConfirms();
        expect(client.contents.length).toBeGreaterThan(0);
      },
      { within: 30_000 },
    );
    await connection.close();
  }, 60_000);

  it('tell a client of one that its message was acknowledged in the other, and every node knows', async () => {
    const [from, to] = [userOf(0, 'writes'), userOf(1, 'reads')];
    const sender = await connect(from, { clientToClient: true });
    const reader = await connect(to, { i: 1 });
    const body = { messageType: 'CLIENT_TO_CLIENT', toUniqueId: to, receipt: true } as const;
    sender.send(aBody({ ...body, messageId: 'across' }));
    await eventually(() => {
      expect(reader.bodies).toHaveLength(1);
    });
    reader.send({ op: 'ack', cursor: reader.cursor });
    await eventually(() => {
      expect(sender.bodies).toMatchObject([
        { businessType: 'wirepost.receipt', correlationId: 'across', fromUniqueId: to },
      ]);
    });
    const { data } = await at(0).get(`/websocket/messages/across?fromUniqueId=${from}`);
    expect(data).toMatchObject({ stage: 'acknowledged', connections: 1, partial: false });
    const query = { messageId: 'across', sender: from, forSure: true };
    for (const node of nodes[1] ?? []) {
      const found = await node.app.nest.get(TraceMessage).look(query);
      expect(found?.acknowledged).toMatchObject({ uniqueId: to });
    }
    // Who comes back says once more what it has handled; the record is where its message is, so nothing is written.
    const given = (): number =>
      nodes.flat().reduce((sum, { app }) => sum + app.nest.get(Metrics).total('receiptsGiven'), 0);
    const before = given();
    const token = String(reader.welcome?.['reconnectToken']);
    const again = TestClient.connect(at(1).socketUrl(token), { cursor: reader.cursor });
    await eventually(() => {
      expect(again.welcome).toBeDefined();
    });
    again.send({ op: 'ack', cursor: reader.cursor });
    sender.send(aBody({ ...body, messageId: 'across-2' }));
    await eventually(() => {
      expect(again.bodies.at(-1)).toMatchObject({ messageId: 'across-2' });
    });
    again.send({ op: 'ack', cursor: again.cursor });
    await eventually(() => {
      expect(sender.bodies.at(-1)).toMatchObject({ correlationId: 'across-2' });
    });
    expect(given()).toBe(before + 1);
    sender.send(aBody({ ...body, toUniqueId: from, messageId: 'last', receipt: false }));
    await eventually(() => {
      expect(sender.bodies.at(-1)).toMatchObject({ messageId: 'last' });
    });
    expect(sender.bodies).toHaveLength(3);
  });

  it('tell a client whose new identity is of the other partition to connect with its token', async () => {
    const client = await connect(userOf(0, 'anonymous'));
    const user = userOf(1, 'user');
    const { partition, token } = await askFor(user, at(0));
    client.send({ op: 'renew', token });
    await eventually(() => {
      expect(client.ops('rejected')).toEqual([
        expect.objectContaining({ code: 'OTHER_PARTITION', retryable: false }),
      ]);
    });
    const again = TestClient.connect(at(partition).socketUrl(token));
    await eventually(() => {
      expect(again.welcome).toMatchObject({ uniqueId: user });
    });
  });

  it('move a client of the SDK to the nodes of its new identity', async () => {
    const anonymous = userOf(0, 'page');
    const user = userOf(1, 'signed-in');
    const sockets: WebSocket[] = [];
    const contents: unknown[] = [];
    const client = connectSdk({
      url: () => urlFor(anonymous),
      socket: (url, protocol) => {
        const { hostname, pathname, search } = new URL(url);
        const node = at(Number(hostname.charAt('partition-'.length)), sockets.length % 2);
        sockets.push(
          new WebSocket(`${node.base.replace('http', 'ws')}${pathname}${search}`, protocol),
        );
        return sockets.at(-1) as WebSocket;
      },
    });
    client.on('*', ({ content }) => {
      contents.push(content);
    });
    await eventually(() => {
      expect(client.identity?.uniqueId).toBe(anonymous);
    });
    await at(1).push(aBody({ toUniqueId: anonymous, content: 'to the page' }));
    const url = await urlFor(user);
    await at(0).push(aBody({ toUniqueId: user, content: 'to the user' }));
    expect(await client.renew(url)).toMatchObject({ uniqueId: user });
    await at(1).push(aBody({ ...EVERYBODY, content: 'to all' }));
    await eventually(() => {
      expect(contents).toEqual(['to the page', 'to the user', 'to all']);
    });
    sockets.at(-1)?.terminate();
    await at(0).push(aBody({ toUniqueId: user, content: 'while away' }));
    await eventually(() => {
      expect(contents.at(-1)).toBe('while away');
    });
    expect(contents).toHaveLength(4);
    client.close();
  });

  describe('for a program that publishes by AMQP', () => {
    let connection: amqp.ChannelModel;
    let channel: amqp.ConfirmChannel;
    const returned: string[] = [];
    beforeAll(async () => {
      connection = await amqp.connect(broker['AMQP_URL'] ?? '');
      channel = await connection.createConfirmChannel();
      channel.on('return', ({ fields }: amqp.Message) => returned.push(fields.routingKey));
    });
    afterAll(() => connection.close());

    async function publish(exchange: string, key: string, body: object): Promise<void> {
      const content = Buffer.from(JSON.stringify(body));
      channel.publish(`${broker['AMQP_PREFIX'] ?? ''}.${exchange}`, key, content, {
        mandatory: true,
      });
      await channel.waitForConfirms();
    }

    it('need not be known to it', async () => {
      const users = [userOf(0, 'amqp'), userOf(1, 'amqp')];
      const clients = await Promise.all(users.map((user) => connect(user)));
      for (const user of users)
        await publish('push', '', aBody({ toUniqueId: user, content: user }));
      await publish('push', '', aBody({ ...EVERYBODY, content: 'all' }));
      await eventually(() => {
        expect(clients.map(({ contents }) => contents)).toEqual(users.map((user) => [user, 'all']));
      });
    });

    it('gives ids that are unique over partitions to what it publishes without one', async () => {
      const users = [userOf(0, 'unnamed'), userOf(1, 'unnamed')];
      const clients = await Promise.all(users.map((user) => connect(user)));
      for (const user of users) await publish('push', '', aBody({ toUniqueId: user }));
      await eventually(() => {
        for (const [partition, { bodies }] of clients.entries())
          expect(bodies).toMatchObject([
            { messageId: expect.stringMatching(`^amqp-${String(partition)}-\\d+$`) as string },
          ]);
      });
    });

    it('can be addressed one by one, and return what is for a number of them that there is not', async () => {
      const user = userOf(1, 'keyed');
      const client = await connect(user);
      await publish('partition', '2.1', aBody({ toUniqueId: user, content: 'keyed' }));
      await eventually(() => {
        expect(client.contents).toEqual(['keyed']);
      });
      await publish('partition', '4.1', aBody({ toUniqueId: user, content: 'nowhere' }));
      expect(returned).toEqual(['4.1']);
    });
  });

  it('tell clients of a gap when the number of partitions has changed', async () => {
    const user = userOf(1, 'grows');
    const client = await connect(user);
    await at(1).push(aBody({ toUniqueId: user, content: 'old' }));
    await eventually(() => {
      expect(client.contents).toEqual(['old']);
    });
    const node = await TestNode.start(broker);
    const stale = TestClient.connect(node.socketUrl(String(client.welcome?.['reconnectToken'])), {
      cursor: client.cursor,
    });
    await eventually(() => {
      expect(stale.closed).toMatchObject({ code: 4401 });
    });
    const fresh = TestClient.connect(await node.url(user), { cursor: client.cursor });
    await eventually(() => {
      expect(fresh.ops('gap')).toEqual([expect.objectContaining({ reason: 'OTHER_LOG' })]);
    });
    await node.stop();
  });
});
