import { connect } from 'amqplib';

import { eventually } from '../support/eventually';
import { GatewayProcess } from '../support/gateway-process';
import { onSharedBroker } from '../support/shared-broker';
import { TestClient, welcomed } from '../support/test-client';
import { TestNode } from '../support/test-node';
import { tokenOf } from '../support/token-of';
import { clientsOfAUser, found } from './clients-of-a-user';

describe('the connections of a user, on RabbitMQ,', () => {
  const env = onSharedBroker();
  clientsOfAUser(() => env);
});

describe('the connections of a user at several nodes', () => {
  const env = onSharedBroker();
  let one: TestNode;
  let other: TestNode;
  beforeAll(async () => {
    one = await TestNode.start(env);
    other = await TestNode.start(env);
  });
  afterAll(() => Promise.all([one.stop(), other.stop()]));

  it('are found from each, also while nodes come and go', async () => {
    await welcomed(TestClient.connect(await one.url('u1')));
    await welcomed(TestClient.connect(await other.url('u1')));
    for (const node of [one, other]) {
      const { connections, partial } = await found(node, 'u1');
      expect([connections.length, partial]).toEqual([2, false]);
    }
    const third = await TestNode.start(env);
    await welcomed(TestClient.connect(await third.url('u1')));
    for (const node of [one, other, third])
      expect(await found(node, 'u1')).toMatchObject({ connections: [{}, {}, {}], partial: false });
    await third.stop();
    for (const node of [one, other])
      expect(await found(node, 'u1')).toMatchObject({ connections: [{}, {}], partial: false });
  });

  it('are found whatever somebody else publishes to the exchange of the nodes', async () => {
    await welcomed(TestClient.connect(await one.url('u3')));
    await welcomed(TestClient.connect(await other.url('u3')));
    const connection = await connect(String(env['AMQP_URL']));
    const channel = await connection.createConfirmChannel();
    const control = `${String(env['AMQP_PREFIX'])}.control`;
    const { queue } = await channel.assertQueue('', { exclusive: true });
    await channel.bindQueue(queue, control, '');
    await found(one, 'u3');
    await found(other, 'u3');
    const nodes = new Set<unknown>();
    await eventually(async () => {
      const notice = await channel.get(queue, { noAck: true });
      if (notice !== false)
        nodes.add((JSON.parse(String(notice.content)) as { node: unknown }).node);
      expect(nodes.size).toBe(2);
    });
    // Nobody vouches for what carries no user-id; a build to come may say what this one does not know.
    for (const node of nodes)
      channel.publish(control, '', Buffer.from(JSON.stringify({ kind: 'gone', node })));
    channel.publish(control, '', Buffer.from('[{"x'), { userId: 'guest' });
    channel.publish(control, '', Buffer.from('{"kind":"other","node":"x"}'), { userId: 'guest' });
    await channel.waitForConfirms();
    await connection.close();
    for (const node of [one, other]) {
      const { connections } = await found(node, 'u3');
      expect(connections).toHaveLength(2);
    }
  });

  it('are found again when the exchange of the nodes was deleted', async () => {
    await welcomed(TestClient.connect(await one.url('u4')));
    await welcomed(TestClient.connect(await other.url('u4')));
    const connection = await connect(String(env['AMQP_URL']));
    const channel = await connection.createChannel();
    await channel.deleteExchange(`${String(env['AMQP_PREFIX'])}.control`);
    await connection.close();
    for (const node of [one, other]) {
      await eventually(
        async () => {
          expect(await found(node, 'u4')).toMatchObject({ connections: [{}, {}], partial: false });
        },
        { within: 20_000 },
      );
    }
  });

  it('are all closed by any node, and stay so at nodes that start later', async () => {
    const clients = [
      await welcomed(TestClient.connect(await one.url('u2'))),
      await welcomed(TestClient.connect(await other.url('u2'))),
    ];
    const token = String(clients[0]?.welcome?.['reconnectToken']);
    expect((await other.delete('/websocket/clients/u2')).status).toBe(200);
    await eventually(() => {
      for (const { closed } of clients) expect(closed?.code).toBe(4501);
    });
    const later = await TestNode.start(env);
    for (const node of [one, other, later]) {
      const again = TestClient.connect(node.socketUrl(token));
      await eventually(() => {
        expect(again.closed?.code).toBe(4501);
      });
    }
    const anew = await welcomed(TestClient.connect(await later.url('u2')));
    expect(anew.closed).toBeUndefined();
    await later.stop();
  });

  it('are replaced at every node, by whichever issued the token of the only one', async () => {
    const clients = [
      await welcomed(TestClient.connect(await one.url('u5'))),
      await welcomed(TestClient.connect(await other.url('u5'))),
    ];
    const url = await one.url('u5', { single: true });
    const only = await welcomed(TestClient.connect(other.socketUrl(tokenOf(url))));
    await eventually(() => {
      for (const { closed } of clients) expect(closed?.code).toBe(4502);
    });
    expect(only.closed).toBeUndefined();
    expect((await found(one, 'u5')).connections).toHaveLength(1);
  });

  it('are told of as a part of all when a node has gone without a word', async () => {
    const lost = await GatewayProcess.start(env);
    await eventually(async () => {
      const { connections, partial } = await found(one, 'u1');
      expect([connections.length, partial]).toEqual([2, false]);
    });
    await lost.kill9();
    expect(await found(one, 'u1')).toMatchObject({ connections: [{}, {}], partial: true });
  });
});
