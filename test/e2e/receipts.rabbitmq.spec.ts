import { connect } from 'amqplib';

import { TraceMessage } from '../../src/application/receipts/trace-message';
import { eventually } from '../support/eventually';
import { aBody } from '../support/message.builder';
import { onSharedBroker } from '../support/shared-broker';
import { TestClient, welcomed } from '../support/test-client';
import { TestNode } from '../support/test-node';
import { got, receipts, receiptsOf, trace, tracedMessages } from './receipts';

describe('receipts, on RabbitMQ,', () => {
  const env = onSharedBroker();
  receipts(() => env);
});

describe('messages that are asked for, on RabbitMQ,', () => {
  const env = onSharedBroker();
  tracedMessages(() => env);
});

describe('receipts of several nodes', () => {
  const env = onSharedBroker();
  const prefix = String(env['AMQP_PREFIX']);
  let one: TestNode;
  let other: TestNode;
  beforeAll(async () => {
    one = await TestNode.start(env);
    other = await TestNode.start(env);
  });
  afterAll(() => Promise.all([one.stop(), other.stop()]));

  it('are one, whichever node the pages of the user are at, and each node knows of it', async () => {
    const sender = await welcomed(
      TestClient.connect(await one.url('s1', { clientToClient: true })),
    );
    const pages = await Promise.all(
      [one, other].map(async (node) => welcomed(TestClient.connect(await node.url('s2')))),
    );
    const line = { messageType: 'CLIENT_TO_CLIENT', toUniqueId: 's2', receipt: true } as const;
    for (let i = 0; i < 50; i += 1) {
      const messageId = `s-${String(i)}`;
      sender.send(aBody({ ...line, messageId }));
      for (const page of pages) await got(page, messageId);
      for (const page of pages) page.send({ op: 'ack', cursor: page.cursor });
    }
    sender.send(aBody({ ...line, toUniqueId: 's1', messageId: 'last', receipt: false }));
    await got(sender, 'last');
    await eventually(() => {
      const of = receiptsOf(sender).map(({ correlationId }) => correlationId);
      expect(of.sort()).toEqual(Array.from({ length: 50 }, (_, i) => `s-${String(i)}`).sort());
    });
    for (const node of [one, other]) {
      expect((await trace(node, 's-7?fromUniqueId=s1')).data).toMatchObject({
        stage: 'acknowledged',
        connections: 2,
        partial: false,
      });
    }
    const later = await TestNode.start(env);
    const query = { messageId: 's-7', sender: 's1', forSure: true };
    for (const { app } of [one, other, later]) {
      const found = await app.nest.get(TraceMessage).look(query);
      expect(found?.acknowledged).toMatchObject({ uniqueId: 's2', clientType: 'H5' });
    }
    await later.stop();
  });

  it('come to a backend by its own queue, also for what it has published by AMQP', async () => {
    const connection = await connect(String(env['AMQP_URL']));
    const channel = await connection.createConfirmChannel();
    const { queue } = await channel.assertQueue('', { exclusive: true });
    await channel.bindQueue(queue, `${prefix}.upstream`, 'wirepost.receipt');
    const reader = await welcomed(TestClient.connect(await other.url('b1')));
    const from = { fromUniqueId: 'orders', toUniqueId: 'b1', receipt: true } as const;
    await one.push(aBody({ ...from, messageId: 'b-1' }));
    const amqp = JSON.stringify(aBody({ ...from, messageId: 'b-2' }));
    channel.publish(`${prefix}.push`, '', Buffer.from(amqp));
    channel.publish(`${prefix}.push`, '', Buffer.from(JSON.stringify(aBody(from))));
    await eventually(() => {
      expect(reader.bodies).toHaveLength(3);
    });
    reader.send({ op: 'ack', cursor: reader.cursor });
    const messages: Record<string, unknown>[] = [];
    const appIds: unknown[] = [];
    await eventually(async () => {
      const message = await channel.get(queue, { noAck: true });
      if (message !== false) {
        messages.push(JSON.parse(message.content.toString()) as Record<string, unknown>);
        appIds.push(message.properties.appId);
      }
      expect(messages).toHaveLength(3);
    });
    const ids = reader.bodies.map(({ messageId }) => messageId);
    expect(messages.map(({ correlationId }) => correlationId)).toEqual(ids);
    expect(ids[2]).toMatch(/^amqp-/);
    for (const message of messages)
      expect(message).toMatchObject({
        messageType: 'CLIENT_TO_SERVER',
        businessType: 'wirepost.receipt',
        fromUniqueId: 'b1',
        fromClientType: 'H5',
        content: { businessType: 'order.status' },
      });
    for (const appId of appIds) expect(appId).toMatch(/^wirepost client /);
    await eventually(async () => {
      expect((await trace(one, String(ids[2]))).data.stage).toBe('acknowledged');
    });
    // What is for many is delivered as it is: nobody could tell its publisher.
    const broadcast = aBody({ sendType: 'BROADCAST', toUniqueId: undefined, receipt: true });
    channel.publish(`${prefix}.push`, '', Buffer.from(JSON.stringify(broadcast)));
    await eventually(() => {
      expect(reader.bodies).toHaveLength(4);
    });
    await one.push(aBody({ ...from, messageId: 'b-last' }));
    reader.send({ op: 'ack', cursor: await got(reader, 'b-last') });
    await eventually(async () => {
      const next = await channel.get(queue, { noAck: true });
      expect(next).toMatchObject({ properties: { correlationId: 'b-last' } });
    });
    await connection.close();
  });

  it('are not told to be unknown by a node that cannot know of them', async () => {
    await one.push(aBody({ toUniqueId: 'o1', messageId: 'known' }));
    const connection = await connect(String(env['AMQP_URL']));
    const channel = await connection.createConfirmChannel();
    const control = `${prefix}.control`;
    const node = `${prefix}.node.of-a-build-before`;
    await channel.assertQueue(node, { exclusive: true });
    await channel.bindQueue(node, control, '');
    const say = (to: string, key: string, notice: object): void => {
      const content = Buffer.from(JSON.stringify({ node, ...notice }));
      channel.publish(to, key, content, { userId: 'guest' });
    };
    await channel.consume(
      node,
      (delivery) => {
        const notice = JSON.parse(String(delivery?.content)) as Record<string, string>;
        const { kind, id, node: asker = '' } = notice;
        if (kind === 'ask') say('', asker, { kind: 'answer', id, connections: [] });
      },
      { noAck: true },
    );
    say(control, '', { kind: 'here' });
    await channel.waitForConfirms();
    await eventually(async () => {
      expect((await trace(one, 'known')).data.partial).toBe(true);
    });
    expect(await trace(one, 'unknown')).toMatchObject({
      status: 503,
      data: { code: 'UNKNOWN_OUTCOME', retryable: true },
    });
    expect(await one.get('/websocket/clients/o1')).toMatchObject({ data: { partial: false } });
    say(control, '', { kind: 'gone' });
    await channel.waitForConfirms();
    await connection.close();
    await eventually(async () => {
      expect((await trace(one, 'unknown')).status).toBe(404);
    });
  });
});
