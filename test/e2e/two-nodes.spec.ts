import { eventually } from '../support/eventually';
import { GatewayProcess } from '../support/gateway-process';
import { aBody, aQuestion } from '../support/message.builder';
import { onSharedBroker } from '../support/shared-broker';
import { TestClient, welcomed } from '../support/test-client';
import { callsOf, TestHandlersModule } from '../support/test-handlers';
import { TestNode } from '../support/test-node';
import { tokenOf } from '../support/token-of';

describe('two nodes on one broker', () => {
  const env = onSharedBroker();
  let one: TestNode;
  let other: TestNode;
  beforeAll(async () => {
    one = await TestNode.start(env, [TestHandlersModule]);
    other = await TestNode.start(env, [TestHandlersModule]);
  });
  afterAll(() => Promise.all([one.stop(), other.stop()]));

  it('deliver what was pushed at either to clients of both, in one order', async () => {
    const clients = [
      await welcomed(TestClient.connect(await one.url('both'))),
      await welcomed(TestClient.connect(await other.url('both'))),
    ];
    const pushes = Array.from({ length: 100 }, (_, i) =>
      (i % 2 === 0 ? one : other).push(aBody({ toUniqueId: 'both', content: i })),
    );
    await Promise.all(pushes);
    await eventually(() => {
      for (const client of clients) expect(client.contents).toHaveLength(100);
    });
    expect(clients[0]?.frames.slice(1)).toEqual(clients[1]?.frames.slice(1));
  });

  it('open exactly one connection for a URL that is used at both in the same moment', async () => {
    for (let round = 0; round < 20; round += 1) {
      const token = tokenOf(await one.url('race'));
      const clients = [
        TestClient.connect(one.socketUrl(token)),
        TestClient.connect(other.socketUrl(token)),
      ];
      await eventually(() => {
        expect(clients.filter((client) => client.welcome !== undefined)).toHaveLength(1);
        expect(clients.filter((client) => client.closed?.code === 4401)).toHaveLength(1);
      });
      for (const client of clients) client.terminate();
    }
  });

  it('refuse a token at one node that was used at the other', async () => {
    const token = tokenOf(await one.url('used'));
    await welcomed(TestClient.connect(one.socketUrl(token)));
    const second = TestClient.connect(other.socketUrl(token));
    await eventually(() => {
      expect(second.closed).toEqual({ code: 4401, reason: 'token used' });
    });
  });

  it('take a messageId as one that is pushed at both at once', async () => {
    const client = await welcomed(TestClient.connect(await other.url('dup')));
    const body = aBody({ toUniqueId: 'dup', messageId: 'same' });
    await Promise.all([one.push({ ...body, content: 'a' }), other.push({ ...body, content: 'a' })]);
    await one.push(aBody({ toUniqueId: 'dup', content: 'end' }));
    await eventually(() => {
      expect(client.contents).toEqual(['a', 'end']);
    });
  });

  it('run a handler once for a message that a client sends at both at once', async () => {
    const clients = [
      await welcomed(TestClient.connect(await one.url('twice'))),
      await welcomed(TestClient.connect(await other.url('twice'))),
    ];
    for (let i = 0; i < 20; i += 1) {
      const messageId = `twice-${String(i)}`;
      for (const client of clients) {
        client.send(aQuestion({ businessType: 'test.echo', messageId, content: i }));
      }
    }
    await eventually(() => {
      for (const client of clients) {
        expect(client.ops('accepted')).toHaveLength(20);
        expect([...client.contents].sort((a, b) => Number(a) - Number(b))).toEqual(
          Array.from({ length: 20 }, (_, i) => i),
        );
      }
    });
    for (let i = 0; i < 20; i += 1)
      expect(callsOf('test.echo', `twice-${String(i)}`)).toHaveLength(1);
  });

  it('resume a client of one at the other with its reconnect token and cursor', async () => {
    const first = await welcomed(TestClient.connect(await one.url('moves')));
    await one.push(aBody({ toUniqueId: 'moves', content: 0 }));
    await eventually(() => {
      expect(first.contents).toEqual([0]);
    });
    first.terminate();
    for (let i = 1; i <= 5; i += 1) await one.push(aBody({ toUniqueId: 'moves', content: i }));
    const second = TestClient.connect(other.socketUrl(String(first.welcome?.['reconnectToken'])), {
      cursor: first.cursor,
    });
    await eventually(() => {
      expect(second.contents).toEqual([1, 2, 3, 4, 5]);
    });
    expect(second.ops('gap')).toHaveLength(0);
  });
});

describe('a node that is killed', () => {
  it('loses nothing: its client resumes at another node, with nothing twice and all in order', async () => {
    const env = onSharedBroker();
    const survivor = await TestNode.start(env);
    const victim = await GatewayProcess.start(env);
    const first = await welcomed(
      TestClient.connect(victim.socketUrl(tokenOf(await survivor.url('user')))),
    );
    let sent = 0;
    const over = new AbortController();
    const pushing = (async () => {
      for (; !over.signal.aborted; sent += 1) {
        const answer = await survivor.push(aBody({ toUniqueId: 'user', content: sent }));
        expect(answer.status).toBe(202);
      }
    })();
    await eventually(() => {
      expect(first.contents.length).toBeGreaterThan(50);
    });
    await victim.kill9();
    await eventually(() => {
      expect(first.closed?.code).toBe(1006);
    });
    const token = String(first.welcome?.['reconnectToken']);
    const second = await welcomed(
      TestClient.connect(survivor.socketUrl(token), { cursor: first.cursor }),
    );
    const then = sent;
    await eventually(() => {
      expect(sent).toBeGreaterThan(then + 50);
    });
    over.abort();
    await pushing;
    await eventually(() => {
      expect([...first.contents, ...second.contents]).toEqual(
        Array.from({ length: sent }, (_, i) => i),
      );
    });
    await survivor.stop();
  });

  it('answers SIGTERM by sending its clients elsewhere and ends with status 0', async () => {
    const env = onSharedBroker();
    const gateway = await GatewayProcess.start({ ...env, DRAIN_TIMEOUT: '1s' });
    const client = await welcomed(TestClient.connect(gateway.socketUrl(await gateway.token('u'))));
    gateway.signal('SIGTERM');
    await eventually(() => {
      expect(client.closed).toEqual({ code: 1012, reason: 'restarting' });
    });
    expect(client.frames.at(-1)).toMatchObject({ op: 'bye' });
    expect(await gateway.exited()).toBe(0);
  });
});
