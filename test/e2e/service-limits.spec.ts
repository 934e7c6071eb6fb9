import { eventually } from '../support/eventually';
import { aBody, aQuestion } from '../support/message.builder';
import { TestClient, welcomed } from '../support/test-client';
import { SERVICE_KEY, TestNode } from '../support/test-node';
import { tokenOf } from '../support/token-of';
import { got } from './receipts';

const SHOP = 'shop-key-0123456789';
const SHOP_NEXT = 'shop-next-key-0123456789';

const order = aBody({ businessType: 'order.paid', toUniqueId: 'shop-1' });

describe('a service with limits', () => {
  let node: TestNode;

  beforeAll(async () => {
    node = await TestNode.start({
      SERVICE_KEYS: `all:token+push+admin:${SERVICE_KEY},shop:token+push+admin:${SHOP},shop:push:${SHOP_NEXT}`,
      SERVICE_LIMITS: 'shop:users:shop-*,shop:businessTypes:order.#+payment.*,shop:labels:shop-*',
    });
  });
  afterAll(() => node.stop());

  const refusal = (field: string): object => ({
    status: 403,
    result: 40301,
    data: expect.objectContaining({ code: 'FORBIDDEN', field }) as unknown,
  });

  it('reaches its own users and is told which field goes beyond', async () => {
    const client = await welcomed(TestClient.connect(await node.url('shop-1')));
    const pushed = await node.post('/websocket/push', { ...order, messageId: 'paid-1' }, SHOP);
    expect(pushed.status).toBe(202);
    await got(client, 'paid-1');
    expect(
      await node.post('/websocket/push', { ...order, toUniqueId: 'bank-1' }, SHOP),
    ).toMatchObject(refusal('toUniqueId'));
    expect(
      await node.post('/websocket/push', { ...order, businessType: 'bank.note' }, SHOP),
    ).toMatchObject(refusal('businessType'));
    client.close();
  });

  it('has the limits with each of its keys', async () => {
    const broadcast = { ...order, sendType: 'BROADCAST', toUniqueId: '' };
    expect(await node.post('/websocket/push', broadcast, SHOP_NEXT)).toMatchObject(
      refusal('sendType'),
    );
    expect(await node.post('/websocket/push', broadcast)).toMatchObject({ status: 202 });
  });

  it('is refused one by one in a batch', async () => {
    const answer = await node.post<{ result: number }[]>(
      '/websocket/push/batch',
      [order, { ...order, toUniqueId: 'bank-1' }, order],
      SHOP,
    );
    expect(answer.status).toBe(202);
    expect(answer.data.map(({ result }) => result)).toEqual([0, 40301, 0]);
  });

  it('issues tokens for its own users alone, which send no more than it may push', async () => {
    expect(await node.get('/websocket/token?uniqueId=bank-1', SHOP)).toMatchObject(
      refusal('uniqueId'),
    );
    expect(await node.get('/websocket/token?uniqueId=shop-1&tags=vip', SHOP)).toMatchObject(
      refusal('tags'),
    );
    const wide = { uniqueId: 'shop-1', clientToClient: true };
    expect(await node.post('/websocket/token', wide, SHOP)).toMatchObject(
      refusal('clientToClient'),
    );
    const { data } = await node.get<string>('/websocket/token?uniqueId=shop-1', SHOP);
    const client = await welcomed(TestClient.connect(node.socketUrl(tokenOf(data))));
    client.send(aQuestion({ businessType: 'bank.ask' }));
    await eventually(() => {
      expect(client.ops('rejected')).toMatchObject([{ code: 'FORBIDDEN' }]);
    });
    client.close();
  });

  it('neither sees nor ends the sessions of others', async () => {
    expect(await node.get('/websocket/clients/bank-1', SHOP)).toMatchObject(refusal('uniqueId'));
    expect(await node.delete('/websocket/clients/bank-1', SHOP)).toMatchObject(refusal('uniqueId'));
    expect(await node.get('/websocket/clients/shop-1', SHOP)).toMatchObject({ status: 200 });
    expect(await node.get('/websocket/messages/some-id?fromUniqueId=bank-1', SHOP)).toMatchObject(
      refusal('fromUniqueId'),
    );
  });

  it('finds its own messages, and those of others as little as those that are none', async () => {
    for (const [user, messageId] of [
      ['bank-1', 'of-the-bank'],
      ['shop-1', 'of-the-shop'],
    ] as const)
      await node.push({ ...order, toUniqueId: user, messageId });
    const trace = (id: string): Promise<unknown> => node.get(`/websocket/messages/${id}`, SHOP);
    expect(await trace('of-the-shop')).toMatchObject({ status: 200 });
    const [hidden, none] = [await trace('of-the-bank'), await trace('of-nobody')];
    expect(hidden).toMatchObject({ status: 404 });
    expect({ ...(hidden as object), headers: undefined }).toEqual({
      ...(none as object),
      headers: undefined,
    });
    expect(await node.get('/websocket/messages/of-the-bank')).toMatchObject({ status: 200 });
  });

  it('is granted what it may do where a mapper writes null for what it does not ask for', async () => {
    const nulls = { businessTypes: null, clientToClient: null, multicast: null, broadcast: null };
    const asked = { uniqueId: 'shop-1', tags: null, businesses: null, ttl: null, ...nulls };
    const { data } = await node.post<string>('/websocket/token', asked, SHOP);
    const client = await welcomed(TestClient.connect(node.socketUrl(tokenOf(data))));
    client.close();
  });
});
