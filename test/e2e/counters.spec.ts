import { eventually } from '../support/eventually';
import { aBody, aQuestion } from '../support/message.builder';
import { TestClient, welcomed } from '../support/test-client';
import { TestHandlersModule } from '../support/test-handlers';
import { TestNode } from '../support/test-node';

describe('/metrics', () => {
  let node: TestNode;
  beforeEach(async () => {
    node = await TestNode.start({ ORIGINS: 'https://app.example.com' }, [TestHandlersModule]);
  });
  afterEach(() => node.stop());

  /** Expects the page to show these counts, by their names without prefix and suffix. */
  async function shows(expected: Readonly<Record<string, number>>): Promise<void> {
    await eventually(async () => {
      const { description } = await node.get('/metrics');
      const counts = Object.keys(expected).map((name) => {
        const [, count] =
          new RegExp(`^wirepost_${name}_total (\\d+)$`, 'm').exec(description) ?? [];
        return [name, Number(count)];
      });
      expect(Object.fromEntries(counts)).toEqual(expected);
    });
  }

  it('counts pushes that were accepted and refused, one by one and in a batch', async () => {
    expect((await node.push(aBody())).status).toBe(202);
    await shows({ push_accepted: 1, push_refused: 0 });
    expect((await node.push(aBody({ ttl: -1 }))).status).toBe(400);
    await shows({ push_accepted: 1, push_refused: 1 });
    expect((await node.push(aBody({ content: 'x'.repeat(100_000) }))).status).toBe(413);
    expect((await node.push(aQuestion())).status).toBe(400);
    await shows({ push_accepted: 1, push_refused: 3 });
    const bodies = [aBody(), aBody({ sendType: 'ALL' }), aBody({ more: 1 } as object), aBody()];
    expect((await node.post('/websocket/push/batch', bodies)).status).toBe(202);
    await shows({ push_accepted: 3, push_refused: 5 });
  });

  it('counts a push that comes again as an entry, and once as a message', async () => {
    const client = await welcomed(TestClient.connect(await node.url('u1')));
    for (let i = 0; i < 3; i += 1) await node.push(aBody({ messageId: 'same' }));
    const late = { timestamp: Date.now() - 1000, ttl: 1, toUniqueId: 'u1' };
    await node.push(aBody(late));
    await node.push(aBody({ content: 'last' }));
    await eventually(() => {
      expect(client.bodies.at(-1)).toMatchObject({ content: 'last' });
    });
    await shows({
      push_accepted: 5,
      entries_duplicate: 2,
      entries_expired: 1,
      frames_delivered: client.bodies.length,
    });
    expect(client.bodies).toHaveLength(2);
  });

  it('counts connections that were opened, closed and refused, before the 101 and after it', async () => {
    const url = await node.url('u1');
    const one = await welcomed(TestClient.connect(url));
    await welcomed(TestClient.connect(await node.url('u2')));
    await shows({ connections_opened: 2, connections_closed: 0, connections_refused: 0 });
    const used = TestClient.connect(url);
    await eventually(() => {
      expect(used.closed?.code).toBe(4401);
    });
    await shows({ connections_opened: 2, connections_closed: 0, connections_refused: 1 });
    const nobody = TestClient.connect(node.socketUrl('a.b.c'));
    const foreign = TestClient.connect(await node.url('u3'), { origin: 'https://else.example' });
    await eventually(() => {
      expect([nobody.status, foreign.status]).toEqual([401, 403]);
    });
    one.close();
    await shows({ connections_opened: 2, connections_closed: 1, connections_refused: 3 });
  });

  it('counts what clients send by what became of it', async () => {
    const client = await welcomed(TestClient.connect(await node.url('u1')));
    client.send(aQuestion({ businessType: 'test.silent' }));
    client.send(aQuestion({ businessType: 'test.silent', messageId: 'again' }));
    await eventually(() => {
      expect(client.ops('accepted')).toHaveLength(2);
    });
    await shows({ upstream_accepted: 2, upstream_rejected: 0, frames_bad: 0, handler_done: 2 });
    client.send(aQuestion({ businessType: 'test.silent', messageId: 'again' }));
    await shows({ upstream_accepted: 3, handler_done: 2, handler_repeated: 1 });
    client.send(aQuestion({ businessType: 'nobody.there' }));
    client.send(aBody({ messageType: 'CLIENT_TO_CLIENT' }));
    await shows({ upstream_accepted: 3, upstream_rejected: 2, frames_bad: 0 });
    client.send('nonsense');
    await shows({ upstream_accepted: 3, upstream_rejected: 2, frames_bad: 1 });
    client.send({ op: 'renew', token: 'a.b.c' });
    client.send({ op: 'ack', cursor: '999999-0' });
    await shows({ upstream_rejected: 2, control_rejected: 2, frames_bad: 1 });
  });

  it('counts the gap that a client of another log is told of', async () => {
    const client = await welcomed(
      TestClient.connect(await node.url('u1'), { cursor: '7-1795522395638' }),
    );
    await eventually(() => {
      expect(client.ops('gap')).toMatchObject([{ reason: 'OTHER_LOG' }]);
    });
    await shows({ gaps: 1 });
  });
});
