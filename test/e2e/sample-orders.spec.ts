import { TestNode } from '../support/test-node';

interface Order {
  readonly orderId: string;
  readonly status: string;
}

describe('the sample shop of the console', () => {
  let node: TestNode;
  beforeAll(async () => {
    node = await TestNode.start();
  });
  afterAll(() => node.stop());

  it('has an order open until it is paid', async () => {
    const { status, data } = await node.post<Order>('/console/orders', {});
    expect(status).toBe(201);
    const read = async (): Promise<unknown> =>
      (await node.get(`/console/orders/${data.orderId}`)).data;
    expect(await read()).toEqual({ orderId: data.orderId, status: 'OPEN' });
    await node.post(`/console/orders/${data.orderId}/payment`, {});
    expect(await read()).toEqual({ orderId: data.orderId, status: 'PAID' });
  });

  it('keeps the last hundred orders', async () => {
    const { data: first } = await node.post<Order>('/console/orders', {});
    for (let i = 0; i < 99; i += 1) await node.post('/console/orders', {});
    expect((await node.get(`/console/orders/${first.orderId}`)).status).toBe(200);
    await node.post('/console/orders', {});
    expect((await node.get(`/console/orders/${first.orderId}`)).status).toBe(404);
  });

  it('is closed to callers without a key, and gone with the console', async () => {
    expect((await fetch(`${node.base}/console/orders/A-1`)).status).toBe(401);
    const off = await TestNode.start({ CONSOLE: 'false' });
    expect((await off.get('/console/orders/A-1')).status).toBe(404);
    await off.stop();
  });
});
