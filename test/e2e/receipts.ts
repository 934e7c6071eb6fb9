import type { MessageTrace } from '../../src/application/receipts/trace-message';
import { eventually } from '../support/eventually';
import { aBody, aQuestion } from '../support/message.builder';
import { type Frame, TestClient, welcomed } from '../support/test-client';
import { type Answer, TestNode, TOKEN_ONLY_KEY } from '../support/test-node';
import { tokenOf } from '../support/token-of';

/** Where a node says that a message got. */
export function trace(node: TestNode, path: string): Promise<Answer<MessageTrace>> {
  return node.get<MessageTrace>(`/websocket/messages/${path}`);
}

/** The receipts that a client got. */
export function receiptsOf(client: TestClient): Frame[] {
  return client.bodies.filter(({ businessType }) => businessType === 'wirepost.receipt');
}

export function cursorOf(client: TestClient, messageId: string): string {
  return String(client.bodies.find((body) => body['messageId'] === messageId)?.['cursor']);
}

/** Resolves when the client has the message, with its cursor. */
export async function got(client: TestClient, messageId: string): Promise<string> {
  await eventually(() => {
    expect(client.bodies.map((body) => body['messageId'])).toContain(messageId);
  });
  return cursorOf(client, messageId);
}

/** What holds with any broker, and with none. */
export function receipts(env: () => Readonly<Record<string, string>>): void {
  let node: TestNode;
  beforeAll(async () => {
    node = await TestNode.start(env());
  });
  afterAll(() => node.stop());

  async function connected(user: string, grants: object = {}): Promise<TestClient> {
    return welcomed(TestClient.connect(await node.url(user, { ...grants })));
  }

  function fromClient(to: string, messageId: string): object {
    const kind = { messageType: 'CLIENT_TO_CLIENT', businessType: 'chat.line' } as const;
    return aBody({ ...kind, toUniqueId: to, messageId, receipt: true });
  }

  it('tell a client once that the one whom it wrote to has handled its message', async () => {
    const sender = await connected('c1', { clientToClient: true, clientType: 'APP' });
    const reader = await connected('c2');
    sender.send(fromClient('c2', 'line-1'));
    const cursor = await got(reader, 'line-1');
    expect(reader.bodies[0]?.['receipt']).toBe(true);
    expect((await trace(node, 'line-1?fromUniqueId=c1')).data.stage).toBe('delivered');
    expect(receiptsOf(sender)).toEqual([]);
    reader.send({ op: 'ack', cursor });
    reader.send({ op: 'ack', cursor });
    await eventually(() => {
      expect(receiptsOf(sender)).toHaveLength(1);
    });
    const [receipt] = receiptsOf(sender);
    expect(receipt).toMatchObject({
      sendType: 'UNICAST',
      messageType: 'SERVER_TO_CLIENT',
      fromUniqueId: 'c2',
      fromClientType: 'H5',
      toUniqueId: 'c1',
      toClientType: 'APP',
      correlationId: 'line-1',
      content: { businessType: 'chat.line', acknowledgedAt: receipt?.['timestamp'] },
    });
    sender.send(fromClient('c2', 'line-2'));
    reader.send({ op: 'ack', cursor: await got(reader, 'line-2') });
    await eventually(() => {
      const of = receiptsOf(sender).map(({ correlationId }) => correlationId);
      expect(of).toEqual(['line-1', 'line-2']);
    });
    expect((await trace(node, 'line-2?fromUniqueId=c1')).data).toMatchObject({
      stage: 'acknowledged',
      acknowledged: { uniqueId: 'c2', clientType: 'H5' },
    });
    // Another one's message with the same id is another message.
    expect((await trace(node, 'line-2')).status).toBe(404);
  });

  it('wait for a sender that is away', async () => {
    const sender = await connected('w1', { clientToClient: true });
    const reader = await connected('w2');
    sender.send(fromClient('w2', 'w'));
    const cursor = await got(reader, 'w');
    const token = String(sender.welcome?.['reconnectToken']);
    sender.close();
    await eventually(async () => {
      const { data } = await node.get<{ connections: unknown[] }>('/websocket/clients/w1');
      expect(data.connections).toEqual([]);
    });
    reader.send({ op: 'ack', cursor });
    await eventually(async () => {
      expect((await trace(node, 'w?fromUniqueId=w1')).data.stage).toBe('acknowledged');
    });
    const again = await welcomed(TestClient.connect(node.socketUrl(token)));
    await eventually(() => {
      expect(receiptsOf(again)).toHaveLength(1);
    });
  });

  it('are given for one of several pages of a user, and for many messages in order', async () => {
    const sender = await connected('p1', { clientToClient: true });
    const pages = [await connected('p2'), await connected('p2', { clientType: 'APP' })];
    const ids = Array.from({ length: 300 }, (_, i) => `p-${String(i)}`);
    for (const id of ids) sender.send(fromClient('p2', id));
    for (const page of pages) {
      await got(page, 'p-299');
      page.send({ op: 'ack', cursor: page.cursor });
    }
    await eventually(() => {
      expect(receiptsOf(sender).map(({ correlationId }) => correlationId)).toEqual(ids);
    });
  });

  it('are given when a page comes back that was gone before it could acknowledge', async () => {
    const reader = await connected('r1');
    for (const messageId of ['r-1', 'r-2'])
      await node.push(aBody({ toUniqueId: 'r1', receipt: true, messageId }));
    const cursor = await got(reader, 'r-1');
    await got(reader, 'r-2');
    reader.terminate();
    const token = String(reader.welcome?.['reconnectToken']);
    const last = cursorOf(reader, 'r-2');
    const again = await welcomed(TestClient.connect(node.socketUrl(token), { cursor: last }));
    // It has received both, and handled one.
    again.send({ op: 'ack', cursor });
    await eventually(async () => {
      expect((await trace(node, 'r-1')).data.stage).toBe('acknowledged');
    });
    expect((await trace(node, 'r-2')).data).toMatchObject({ stage: 'accepted', connections: 0 });
    again.send({ op: 'ack', cursor: last });
    await eventually(async () => {
      expect((await trace(node, 'r-2')).data.stage).toBe('acknowledged');
    });
  });

  it('are given over a renewal of the session and a reconnect, for what was sent before both', async () => {
    const reader = await connected('l1');
    await node.push(aBody({ toUniqueId: 'l1', receipt: true, messageId: 'l-1' }));
    const cursor = await got(reader, 'l-1');
    reader.send({ op: 'renew', token: tokenOf(await node.url('l1')) });
    await eventually(() => {
      expect(reader.ops('welcome')).toHaveLength(2);
    });
    await node.push(aBody({ toUniqueId: 'l1', messageId: 'l-2' }));
    const last = await got(reader, 'l-2');
    reader.terminate();
    const token = String(reader.ops('welcome')[1]?.['reconnectToken']);
    const again = await welcomed(TestClient.connect(node.socketUrl(token), { cursor: last }));
    again.send({ op: 'ack', cursor });
    await eventually(async () => {
      expect((await trace(node, 'l-1')).data.stage).toBe('acknowledged');
    });
    // Who names no cursor goes on where the renewal was.
    const without = await welcomed(TestClient.connect(node.socketUrl(token)));
    await got(without, 'l-2');
    expect(without.bodies.map(({ messageId }) => messageId)).toEqual(['l-2']);
  });

  it('are not given for what was sent before the page was there, nor for what has expired', async () => {
    const early = { toUniqueId: 'n1', receipt: true, messageId: 'n-early' };
    await node.push(aBody(early));
    // A token starts where its node has read to.
    expect((await trace(node, 'n-early')).data.stage).toBe('accepted');
    const reader = await connected('n1');
    const past = { timestamp: Date.now() - 10, ttl: 5 };
    await node.push(aBody({ ...early, ...past, messageId: 'n-expired' }));
    await node.push(aBody({ ...early, messageId: 'n-1' }));
    reader.send({ op: 'ack', cursor: await got(reader, 'n-1') });
    await eventually(async () => {
      expect((await trace(node, 'n-1')).data.stage).toBe('acknowledged');
    });
    expect((await trace(node, 'n-early')).data).toMatchObject({ stage: 'accepted' });
    expect((await trace(node, 'n-expired')).data).toMatchObject({
      stage: 'expired',
      connections: 0,
      expiresAt: past.timestamp + past.ttl,
    });
  });

  it('are given for messages of both when a page has become somebody else', async () => {
    const reader = await connected('a1');
    await node.push(aBody({ toUniqueId: 'a1', receipt: true, messageId: 'a-1' }));
    await got(reader, 'a-1');
    reader.send({ op: 'renew', token: tokenOf(await node.url('a2', { clientType: 'APP' })) });
    await eventually(() => {
      expect(reader.ops('welcome')).toHaveLength(2);
    });
    await node.push(aBody({ toUniqueId: 'a2', receipt: true, messageId: 'a-2' }));
    reader.send({ op: 'ack', cursor: await got(reader, 'a-2') });
    await eventually(async () => {
      expect((await trace(node, 'a-1')).data.acknowledged).toMatchObject({
        uniqueId: 'a1',
        clientType: 'H5',
      });
      expect((await trace(node, 'a-2')).data.acknowledged).toMatchObject({
        uniqueId: 'a2',
        clientType: 'APP',
      });
    });
  });

  it('can be asked for of no message to many, and of none to a handler', async () => {
    const client = await connected('x1');
    for (const body of [
      aBody({ sendType: 'BROADCAST', toUniqueId: undefined, receipt: true }),
      aBody({ sendType: 'MULTICAST', toUniqueId: undefined, tags: ['t'], receipt: true }),
    ])
      expect(await node.push(body)).toMatchObject({
        status: 400,
        data: { code: 'BAD_FIELD', field: 'receipt' },
      });
    client.send(aQuestion({ receipt: true, messageId: 'q' }));
    await eventually(() => {
      expect(client.ops('rejected')).toMatchObject([{ messageId: 'q', code: 'BAD_FIELD' }]);
    });
    await node.push(aBody({ toUniqueId: 'x1', receipt: false, messageId: 'x-1' }));
    client.send({ op: 'ack', cursor: await got(client, 'x-1') });
    expect((await trace(node, 'x-1')).data).not.toHaveProperty('acknowledged');
  });
}

/** What holds with any broker, and with none. */
export function tracedMessages(env: () => Readonly<Record<string, string>>): void {
  let node: TestNode;
  beforeAll(async () => {
    node = await TestNode.start(env());
  });
  afterAll(() => node.stop());

  it('are found the moment they are accepted, and tell how far they got', async () => {
    const before = Date.now();
    const url = await node.url('t1');
    const { data } = await node.push(aBody({ toUniqueId: 't1', ttl: 60_000 }));
    const found = await trace(node, data.messageId);
    expect(found).toMatchObject({
      status: 200,
      data: { messageId: data.messageId, stage: 'accepted', connections: 0, partial: false },
    });
    expect(found.data.acceptedAt).toBeGreaterThanOrEqual(before);
    expect(found.data.expiresAt).toBeGreaterThanOrEqual(before + 60_000);
    const client = await welcomed(TestClient.connect(url));
    expect(await got(client, data.messageId)).toBe(found.data.cursor);
    const delivered = { ...found.data, stage: 'delivered', connections: 1 };
    expect((await trace(node, data.messageId)).data).toEqual(delivered);
    client.send({ op: 'renew', token: tokenOf(await node.url('t1')) });
    await eventually(() => {
      expect(client.ops('welcome')).toHaveLength(2);
    });
    expect((await trace(node, data.messageId)).data).toEqual(delivered);
    client.close();
    await eventually(async () => {
      expect((await trace(node, data.messageId)).data).toEqual(found.data);
    });
  });

  it('count the connections that they were sent to, whomever they are for', async () => {
    const everybody = { sendType: 'BROADCAST', toUniqueId: undefined } as const;
    const tagged = { sendType: 'MULTICAST', toUniqueId: undefined, tags: ['gold'] } as const;
    for (const grants of [{ tags: ['gold'] }, { tags: ['gold'] }, {}])
      await welcomed(TestClient.connect(await node.url('m1', grants)));
    await node.push(aBody({ ...everybody, messageId: 'm-all' }));
    await node.push(aBody({ ...tagged, messageId: 'm-gold' }));
    await node.push(aBody({ toUniqueId: 'm1', toClientType: 'APP', messageId: 'm-app' }));
    // A token starts where its node has read to.
    expect((await trace(node, 'm-app')).status).toBe(200);
    await welcomed(TestClient.connect(await node.url('m1', { tags: ['gold'] })));
    const counts = await Promise.all(
      ['m-all', 'm-gold', 'm-app'].map(async (id) => (await trace(node, id)).data.connections),
    );
    expect(counts).toEqual([3, 2, 0]);
  });

  it('are shown only to those who may, and bad input is named', async () => {
    expect((await node.get('/websocket/messages/m', TOKEN_ONLY_KEY)).status).toBe(403);
    expect((await fetch(`${node.base}/websocket/messages/m`)).status).toBe(401);
    expect(await trace(node, 'never')).toMatchObject({ status: 404, data: { code: 'NOT_FOUND' } });
    const long = 'x'.repeat(65);
    for (const bad of [long, '%20', 'a%22b'])
      expect(await trace(node, bad)).toMatchObject({
        status: 400,
        data: { code: 'BAD_FIELD', field: 'messageId' },
      });
    expect(await trace(node, `m?fromUniqueId=${'x'.repeat(129)}`)).toMatchObject({
      status: 400,
      data: { code: 'BAD_FIELD', field: 'fromUniqueId' },
    });
    expect(await trace(node, 'm?from=x')).toMatchObject({
      status: 400,
      data: { code: 'UNKNOWN_FIELD' },
    });
    const odd = "!#$%&'()*+,-./:;<=>?@[]^_`{|}~";
    await node.push(aBody({ toUniqueId: 'o1', messageId: odd }));
    expect((await trace(node, encodeURIComponent(odd))).data.messageId).toBe(odd);
  });
}
