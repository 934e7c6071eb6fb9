import { aBody } from '../support/message.builder';
import { eventually } from '../support/eventually';
import { TestClient } from '../support/test-client';
import { TestNode } from '../support/test-node';

/** What every node must do, whatever broker is behind it. `env` gives each run its own exchanges. */
export function pushAndResume(env: () => Readonly<Record<string, string>>): void {
  let node: TestNode;
  beforeAll(async () => {
    node = await TestNode.start(env());
  });
  afterAll(() => node.stop());

  async function connect(
    uniqueId: string,
    grants: Record<string, unknown> = {},
  ): Promise<TestClient> {
    const client = TestClient.connect(await node.url(uniqueId, grants));
    await eventually(() => {
      expect(client.welcome).toBeDefined();
    });
    return client;
  }

  it('delivers a push to the user it names, with messageId, timestamp and cursor, and to nobody else', async () => {
    const [one, other] = [await connect('push-1'), await connect('push-2')];
    const answer = await node.push(
      aBody({ toUniqueId: 'push-1', content: { n: 1 }, messageId: 'push-m1' }),
    );
    expect(answer).toMatchObject({ status: 202, result: 0, data: { messageId: 'push-m1' } });
    await eventually(() => {
      expect(one.bodies).toHaveLength(1);
    });
    expect(one.bodies[0]).toEqual({
      ...aBody({ toUniqueId: 'push-1', content: { n: 1 } }),
      timestamp: expect.any(Number) as number,
      messageId: 'push-m1',
      cursor: expect.stringMatching(/^\d+-\d+$/) as string,
    });
    await node.push(aBody({ toUniqueId: 'push-2', content: 'end' }));
    await eventually(() => {
      expect(other.contents).toEqual(['end']);
    });
  });

  it('welcomes a client with its identity, its position and what it needs to reconnect', async () => {
    const client = await connect('welcome-1');
    expect(client.welcome).toEqual({
      op: 'welcome',
      connectionId: expect.any(String) as string,
      uniqueId: 'welcome-1',
      clientType: 'H5',
      cursor: expect.stringMatching(/^\d+-\d+$/) as string,
      resumed: false,
      heartbeat: 25_000,
      limits: { maxPayload: 65_536, maxDepth: 32, repeatWithin: 450_000 },
      reconnectToken: expect.any(String) as string,
      sessionEnds: expect.any(Number) as number,
    });
  });

  it('delivers what was pushed after the token was issued and before the page connected', async () => {
    const url = await node.url('early-1');
    await node.push(aBody({ toUniqueId: 'early-1', content: 'before' }));
    const client = TestClient.connect(url);
    await eventually(() => {
      expect(client.contents).toEqual(['before']);
    });
  });

  it('replays what a client missed, once and in order, when it comes back with its cursor', async () => {
    const first = await connect('resume-1');
    await node.push(aBody({ toUniqueId: 'resume-1', content: 0 }));
    await eventually(() => {
      expect(first.contents).toEqual([0]);
    });
    first.terminate();
    for (let n = 1; n <= 20; n += 1) await node.push(aBody({ toUniqueId: 'resume-1', content: n }));
    const token = String(first.welcome?.['reconnectToken']);
    const second = TestClient.connect(node.socketUrl(token), { cursor: first.cursor });
    await node.push(aBody({ toUniqueId: 'resume-1', content: 21 }));
    await eventually(() => {
      expect(second.contents).toEqual(Array.from({ length: 21 }, (_, i) => i + 1));
    });
    expect(second.welcome).toMatchObject({
      resumed: true,
      cursor: first.cursor,
      reconnectToken: token,
    });
  });

  it('delivers everything to each of two connections of one user', async () => {
    const clients = [await connect('tabs-1'), await connect('tabs-1')];
    await node.push(aBody({ toUniqueId: 'tabs-1', content: 'both' }));
    for (const client of clients) {
      await eventually(() => {
        expect(client.contents).toEqual(['both']);
      });
    }
  });

  it('delivers a messageId once, however often it is pushed', async () => {
    const client = await connect('dup-1');
    for (let i = 0; i < 3; i += 1)
      await node.push(aBody({ toUniqueId: 'dup-1', messageId: 'dup-m', content: i }));
    await node.push(aBody({ toUniqueId: 'dup-1', content: 'end' }));
    await eventually(() => {
      expect(client.contents).toEqual([0, 'end']);
    });
  });

  it('reaches the holders of tags and businesses by MULTICAST and everybody by BROADCAST', async () => {
    const vip = await connect('multi-1', { tags: ['vip'], businesses: ['charging'] });
    const charging = await connect('multi-2', { businesses: ['charging'] });
    const none = await connect('multi-3');
    const multicast = aBody({ sendType: 'MULTICAST', toUniqueId: undefined });
    await node.push({ ...multicast, tags: ['vip', 'gold'], content: 'tag' });
    await node.push({ ...multicast, businesses: ['charging'], content: 'business' });
    await node.push({ ...multicast, tags: ['gold'], businesses: ['charging'], content: 'nobody' });
    await node.push(aBody({ sendType: 'BROADCAST', toUniqueId: undefined, content: 'all' }));
    await eventually(() => {
      expect(vip.contents).toEqual(['tag', 'business', 'all']);
      expect(charging.contents).toEqual(['business', 'all']);
      expect(none.contents).toEqual(['all']);
    });
  });

  it('keeps the log order for one client through unicast and broadcast in the same tick', async () => {
    const client = await connect('order-1');
    const bodies = Array.from({ length: 300 }, (_, n) =>
      n % 3 === 0
        ? aBody({ sendType: 'BROADCAST', toUniqueId: undefined, content: `o${String(n)}` })
        : aBody({ toUniqueId: 'order-1', content: `o${String(n)}` }),
    );
    await node.post('/websocket/push/batch', bodies);
    await eventually(() => {
      expect(client.contents).toEqual(bodies.map((body) => body['content']));
    });
    const offsets = client.bodies.map((body) => Number(String(body['cursor']).split('-')[0]));
    expect(offsets).toEqual([...offsets].sort((a, b) => a - b));
  });

  it('answers a batch with one result for each body and pushes the good ones', async () => {
    const client = await connect('batch-1');
    const answer = await node.post<{ result: number; data: { code?: string; field?: string } }[]>(
      '/websocket/push/batch',
      [
        aBody({ toUniqueId: 'batch-1', content: 1 }),
        aBody({ sendType: 'ALL' }),
        aBody({ toUniqueId: 'batch-1', content: 2 }),
      ],
    );
    expect(answer.status).toBe(202);
    expect(answer.data.map((one) => one.result === 0)).toEqual([true, false, true]);
    expect(answer.data[1]?.data).toMatchObject({ code: 'BAD_FIELD', field: 'sendType' });
    await eventually(() => {
      expect(client.contents).toEqual([1, 2]);
    });
  });

  it('resumes behind any message of a batch, exactly', async () => {
    const client = await connect('batch-resume');
    const numbers = Array.from({ length: 12 }, (_, i) => i);
    await node.post(
      '/websocket/push/batch',
      numbers.map((n) => aBody({ toUniqueId: 'batch-resume', content: n })),
    );
    await eventually(() => {
      expect(client.contents).toEqual(numbers);
    });
    const token = String(client.welcome?.['reconnectToken']);
    client.terminate();
    for (const [n, body] of client.bodies.entries()) {
      const cursor = String(body['cursor']);
      const again = TestClient.connect(node.socketUrl(token), { cursor });
      await eventually(() => {
        expect(again.contents).toEqual(numbers.slice(n + 1));
        expect(again.welcome).toMatchObject({ cursor, resumed: true });
      });
      again.send({ op: 'ack', cursor: String(client.bodies.at(-1)?.['cursor']) });
      again.send({ op: 'ping' });
      await eventually(() => {
        expect(again.ops('pong')).toHaveLength(1);
      });
      expect([...again.ops('gap'), ...again.ops('rejected')]).toEqual([]);
      again.close();
    }
  });

  it('does not deliver what has outlived its ttl', async () => {
    const client = await connect('ttl-1');
    const past = Date.now() - 10_000;
    await node.push(aBody({ toUniqueId: 'ttl-1', ttl: 1000, timestamp: past, content: 'late' }));
    await node.push(aBody({ toUniqueId: 'ttl-1', ttl: 60_000, content: 'fresh' }));
    await eventually(() => {
      expect(client.contents).toEqual(['fresh']);
    });
  });

  it('opens one connection with a token and closes a second one with 4401', async () => {
    const url = await node.url('once-1');
    const first = TestClient.connect(url);
    const second = TestClient.connect(url);
    await eventually(() => {
      const both = [first, second];
      expect(both.filter((client) => client.welcome !== undefined)).toHaveLength(1);
      expect(both.filter((client) => client.closed?.code === 4401)).toHaveLength(1);
    });
  });

  it('gives a plain client unified bodies and nothing else', async () => {
    const client = TestClient.connect(await node.url('plain-1'), { plain: true });
    await eventually(() => {
      expect(client.opened).toBe(true);
    });
    await node.push(aBody({ toUniqueId: 'plain-1', content: 'hello' }));
    await eventually(() => {
      expect(client.contents).toEqual(['hello']);
    });
    expect(client.frames).toHaveLength(1);
  });

  it('sends a client a gap when its cursor is of another log, and then what this log has for it', async () => {
    const url = await node.url('gap-1');
    await node.push(aBody({ toUniqueId: 'gap-1', content: 'here' }));
    const client = TestClient.connect(url, { cursor: '999999999-1600000000000' });
    await eventually(() => {
      expect(client.ops('gap')).toHaveLength(1);
      expect(client.contents.at(-1)).toBe('here');
    });
    expect(client.ops('gap')[0]).toMatchObject({
      from: '999999999-1600000000000',
      reason: 'OTHER_LOG',
    });
    const plain = TestClient.connect(await node.url('gap-1'), {
      cursor: '999999999-1600000000000',
      plain: true,
    });
    await eventually(() => {
      expect(plain.bodies[0]).toMatchObject({
        businessType: 'wirepost.gap',
        content: { reason: 'OTHER_LOG' },
      });
    });
    const { content, cursor } = plain.bodies[0] ?? {};
    expect(content).toMatchObject({ to: cursor });
  });
}
