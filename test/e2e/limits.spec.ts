import { connect } from 'node:net';

import Ajv from 'ajv';

import { eventually } from '../support/eventually';
import { aBody, aQuestion } from '../support/message.builder';
import { admitted, decided, TestClient, welcomed } from '../support/test-client';
import { TestHandlersModule } from '../support/test-handlers';
import { JWT_SECRET, SERVICE_KEY, TestNode } from '../support/test-node';

/** An answer, by its status, in an OpenAPI description. */
interface Described {
  readonly content: Readonly<Record<'application/json', { readonly schema: { $ref: string } }>>;
}

describe('a node', () => {
  it('closes with 1013 what is over its number of connections, and takes others when there is room', async () => {
    const node = await TestNode.start({ MAX_CONNECTIONS: '1' });
    const first = await welcomed(TestClient.connect(await node.url('a')));
    const second = TestClient.connect(await node.url('b'));
    await eventually(() => {
      expect(second.closed).toEqual({ code: 1013, reason: 'too many connections' });
    });
    first.close();
    await admitted(async () => TestClient.connect(await node.url('c')));
    await node.stop();
  });

  it('lets no burst pass its number of connections', async () => {
    const node = await TestNode.start({ MAX_CONNECTIONS: '5' });
    const urls = await Promise.all(Array.from({ length: 40 }, (_, i) => node.url(`b${String(i)}`)));
    const clients = await Promise.all(urls.map((url) => decided(TestClient.connect(url))));
    expect(clients.filter(({ welcome }) => welcome !== undefined)).toHaveLength(5);
    await node.stop();
  });

  it('closes with 1013 what a user has open beyond its number, and nobody else’s', async () => {
    const node = await TestNode.start({ MAX_USER_CONNECTIONS: '3' });
    const urls = await Promise.all(Array.from({ length: 10 }, () => node.url('many')));
    const clients = await Promise.all(urls.map((url) => decided(TestClient.connect(url))));
    const open = clients.filter(({ welcome }) => welcome !== undefined);
    expect(open).toHaveLength(3);
    const token = String(open[0]?.welcome?.['reconnectToken']);
    const again = TestClient.connect(node.socketUrl(token));
    await eventually(() => {
      expect(again.closed).toEqual({ code: 1013, reason: 'too many connections of this user' });
    });
    await welcomed(TestClient.connect(await node.url('somebody-else')));
    for (const client of open) expect(client.closed).toBeUndefined();
    open[0]?.close();
    await admitted(() => Promise.resolve(TestClient.connect(node.socketUrl(token))));
    await node.stop();
  });

  it('answers 429 to what an address has open beyond its number', async () => {
    const node = await TestNode.start({ MAX_IP_CONNECTIONS: '2' });
    const urls = await Promise.all(Array.from({ length: 6 }, (_, i) => node.url(`ip${String(i)}`)));
    const clients = await Promise.all(urls.map((url) => decided(TestClient.connect(url))));
    const open = clients.filter(({ welcome }) => welcome !== undefined);
    expect(open).toHaveLength(2);
    expect(new Set(clients.map(({ status }) => status))).toEqual(new Set([undefined, 429]));
    open[0]?.close();
    await admitted(async () => TestClient.connect(await node.url('next')));
    await node.stop();
  });

  it('answers 429 to handshakes of an address beyond its rate, before it looks at their tokens', async () => {
    const node = await TestNode.start({ IP_RATE: '2' });
    const statuses = async (): Promise<(number | undefined)[]> => {
      const clients = Array.from({ length: 6 }, () => TestClient.connect(node.socketUrl('a.b.c')));
      await Promise.all(clients.map(decided));
      return clients.map(({ status }) => status);
    };
    // All six may fall into two seconds.
    expect((await statuses()).filter((status) => status === 429).length).toBeGreaterThanOrEqual(2);
    await eventually(async () => {
      expect(await statuses()).toContain(401);
    });
    await node.stop();
  });

  it('reads no more frames a second from a client than it may send, loses none, and reads others', async () => {
    const node = await TestNode.start({ CLIENT_RATE: '1600', MAX_PAYLOAD: '16KiB' }, [
      TestHandlersModule,
    ]);
    const flood = await welcomed(TestClient.connect(await node.url('flood')));
    const other = await welcomed(TestClient.connect(await node.url('other')));
    const since = Date.now();
    const count = 400;
    // Large enough that few of them are in the piece of the socket that was read last.
    const content = 'x'.repeat(15_000);
    const ids = Array.from({ length: count }, (_, i) => `f${String(i)}`);
    for (const messageId of ids)
      flood.send(aQuestion({ businessType: 'test.silent', messageId, content }));
    other.send(aQuestion({ businessType: 'test.silent', messageId: 'o' }));
    await eventually(() => {
      expect(other.ops('accepted')).toHaveLength(1);
    });
    expect(flood.ops('accepted').length).toBeLessThan(count / 2);
    await eventually(
      () => {
        expect(flood.ops('accepted').map(({ messageId }) => messageId)).toEqual(ids);
      },
      { within: 20_000 },
    );
    // A second's worth at once, the rest as time brings it.
    expect(Date.now() - since).toBeGreaterThan(2500);
    const { description } = await node.get('/metrics');
    expect(description).toMatch(/^wirepost_clients_throttled_total [1-9]/m);
    expect(flood.closed).toBeUndefined();
    await node.stop();
  }, 30_000);

  it('answers below its prefix', async () => {
    const node = await TestNode.start({
      GLOBAL_PREFIX: '/realtime',
      PUBLIC_URL: 'wss://example.com',
    });
    const answer = await node.get<string>(
      '/realtime/websocket/token?uniqueId=p&tags=a,b&businesses=c',
    );
    expect(answer.data).toMatch(/^wss:\/\/example\.com\/realtime\/socket\//);
    const url = answer.data.replace('wss://example.com', `ws://127.0.0.1:${String(node.app.port)}`);
    const client = await welcomed(TestClient.connect(url));
    const multicast = aBody({
      sendType: 'MULTICAST',
      toUniqueId: undefined,
      tags: ['b'],
      content: 1,
    });
    expect((await node.post('/realtime/websocket/push', multicast)).status).toBe(202);
    await eventually(() => {
      expect(client.contents).toEqual([1]);
    });
    expect((await node.get('/websocket/token?uniqueId=p')).status).toBe(404);
    await node.stop();
  });

  it('accepts tokens of the former secret while the secret is changed, and replaces them', async () => {
    const former = await TestNode.start();
    const url = await former.url('rotating');
    const first = await welcomed(TestClient.connect(url));
    const node = await TestNode.start({
      JWT_SECRET: `a-newer-signing-key-of-enough-length-0,${JWT_SECRET}`,
    });
    const before = String(first.welcome?.['reconnectToken']);
    const second = await welcomed(TestClient.connect(node.socketUrl(before)));
    const strict = await TestNode.start({ JWT_SECRET: 'a-newer-signing-key-of-enough-length-0' });
    const refused = TestClient.connect(strict.socketUrl(before));
    await eventually(() => {
      expect(refused.status).toBe(401);
    });
    await welcomed(
      TestClient.connect(strict.socketUrl(String(second.welcome?.['reconnectToken']))),
    );
    await Promise.all([former, node, strict].map((one) => one.stop()));
  });

  it('answers as its OpenAPI description says', async () => {
    const node = await TestNode.start();
    const docs = (await (await fetch(`${node.base}/docs-json`)).json()) as {
      paths: Record<string, Record<string, { responses: Record<string, Described> }>>;
    };
    const ajv = new Ajv({ strict: false, allErrors: true });
    ajv.addSchema({ $id: 'api', ...docs });
    const check = async (path: string, init: RequestInit = {}): Promise<number> => {
      const { method = 'GET' } = init;
      const answer = await fetch(node.base + path, {
        ...init,
        headers: { authorization: `Bearer ${SERVICE_KEY}`, 'content-type': 'application/json' },
      });
      const [bare = ''] = path.split('?');
      const described = docs.paths[bare]?.[method.toLowerCase()]?.responses[String(answer.status)];
      const { $ref = 'nothing' } = described?.content['application/json'].schema ?? {};
      const isValid = ajv.validate({ $ref: $ref.replace('#', 'api#') }, await answer.json());
      expect([path, ajv.errors, isValid]).toEqual([path, null, true]);
      return answer.status;
    };
    const post = (path: string, body: unknown): Promise<number> =>
      check(path, { method: 'POST', body: JSON.stringify(body) });
    expect(await check('/health/live')).toBe(200);
    expect(await check('/health/ready')).toBe(200);
    expect(await check('/websocket/token?uniqueId=u1')).toBe(200);
    expect(await check('/websocket/token?uniqueId=')).toBe(400);
    expect(await post('/websocket/token', { uniqueId: 'u1', tags: ['vip'] })).toBe(200);
    expect(await post('/websocket/push', aBody({ content: [null, 1, { a: 'b' }] }))).toBe(202);
    expect(await post('/websocket/push', aBody({ ttl: -1 }))).toBe(400);
    expect(await post('/websocket/push/batch', [aBody(), aBody({ sendType: 'ALL' })])).toBe(202);
    expect(await post('/websocket/push/batch', [])).toBe(400);
    expect(await post('/websocket/push', aBody({ content: 'x'.repeat(100_000) }))).toBe(413);
    await node.stop();
  });

  it('describes its REST interface and counts what it does', async () => {
    const node = await TestNode.start();
    const docs = await fetch(`${node.base}/docs-json`);
    const { paths } = (await docs.json()) as { paths: Record<string, unknown> };
    expect(Object.keys(paths)).toEqual(
      expect.arrayContaining([
        '/websocket/token',
        '/websocket/push',
        '/websocket/push/batch',
        '/health/ready',
      ]),
    );
    await node.push(aBody());
    const metrics = await node.get('/metrics');
    expect(metrics.description).toMatch(/^wirepost_push_accepted_total 1$/m);
    expect(metrics.description).toMatch(/^wirepost_ready 1$/m);
    await node.stop();
  });

  it('stops reading from a client that sends and does not read, and gives it up', async () => {
    const node = await TestNode.start({ HEARTBEAT: '1s', CLIENT_RATE: '1000000' });
    const url = new URL(await node.url('greedy'));
    const socket = connect(Number(url.port), url.hostname);
    socket.on('error', () => undefined);
    socket.pause();
    socket.write(
      `GET ${url.pathname} HTTP/1.1\r\nHost: ${url.host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n' +
        'Sec-WebSocket-Protocol: wirepost.v1\r\n\r\n',
    );
    const ping = Buffer.from('{"op":"ping"}');
    const frame = Buffer.concat([Buffer.from([0x81, 0x80 | ping.length, 0, 0, 0, 0]), ping]);
    const pings = Buffer.concat(Array.from({ length: 4096 }, () => frame));
    const more = (): void => {
      socket.write(pings, (error) => {
        if (error === undefined || error === null) more();
      });
    };
    more();
    await eventually(
      async () => {
        const { description } = await node.get('/metrics');
        expect(description).toMatch(/^wirepost_heartbeats_missed_total 1$/m);
      },
      { within: 20_000 },
    );
    socket.destroy();
    await node.stop();
  }, 30_000);
});
