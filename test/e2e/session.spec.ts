import { WebSocket } from 'ws';

import { Metrics } from '../../src/application/ports/metrics';
import { AdmitClient } from '../../src/application/session/admit-client';
import { AcceptClientMessage } from '../../src/application/upstream/accept-client-message';
import { eventually } from '../support/eventually';
import { aBody, aQuestion } from '../support/message.builder';
import { TestClient, welcomed } from '../support/test-client';
import { TestHandlersModule } from '../support/test-handlers';
import { TestNode } from '../support/test-node';
import { tokenOf } from '../support/token-of';

const KiB = 1024;

describe('a session', () => {
  let node: TestNode;
  beforeAll(async () => {
    node = await TestNode.start({ HEARTBEAT: '1s' }, [TestHandlersModule]);
  });
  afterAll(() => node.stop());

  it('answers ping with pong and the position', async () => {
    const client = await welcomed(TestClient.connect(await node.url('s1')));
    client.send({ op: 'ping' });
    await eventually(() => {
      expect(client.ops('pong')).toEqual([
        { op: 'pong', cursor: expect.stringMatching(/^\d+-\d+$/) as string },
      ]);
    });
  });

  it('stays open for a client whose token does not allow what it sends, however often it does', async () => {
    const client = await welcomed(TestClient.connect(await node.url('forbidden')));
    const note = aBody({ messageType: 'CLIENT_TO_CLIENT', toUniqueId: 's1' });
    for (let i = 0; i < 30; i += 1) client.send({ ...note, messageId: `f${String(i)}` });
    await eventually(() => {
      expect(client.ops('rejected')).toHaveLength(30);
    });
    expect(new Set(client.ops('rejected').map((frame) => frame['code']))).toEqual(
      new Set(['FORBIDDEN']),
    );
    client.send({ op: 'ping' });
    await eventually(() => {
      expect(client.ops('pong')).toHaveLength(1);
    });
  });

  it('takes an ack of what it delivered and refuses one that is ahead or no cursor', async () => {
    const client = await welcomed(TestClient.connect(await node.url('s2')));
    await node.push(aBody({ toUniqueId: 's2' }));
    await eventually(() => {
      expect(client.bodies).toHaveLength(1);
    });
    client.send({ op: 'ack', cursor: client.cursor });
    for (const cursor of ['99999999-1', '-1', 'x', '1000000000000000000-0'])
      client.send({ op: 'ack', cursor });
    client.send({ op: 'ack' });
    await eventually(() => {
      expect(client.ops('rejected').map((frame) => frame['code'])).toEqual([
        'BAD_CURSOR',
        'BAD_CURSOR',
        'BAD_CURSOR',
        'BAD_CURSOR',
        'BAD_FIELD',
      ]);
    });
    // As from a client that works through what it has of the log before: no abuse, however many.
    for (let i = 0; i < 20; i += 1) client.send({ op: 'ack', cursor: '99999999-1' });
    await eventually(() => {
      expect(client.ops('rejected')).toHaveLength(25);
    });
    expect(client.closed).toBeUndefined();
  });

  it('starts at the cursor of its URL, however that is written and whatever stands beside it', async () => {
    for (const query of ['cursor=0-1', 'cursor=0%2D1', 'page=2&cursor=0-1', 'cursor=0-1&page=2']) {
      const client = await welcomed(TestClient.connect(`${await node.url('s2')}?${query}`));
      expect(client.welcome).toMatchObject({ resumed: true, cursor: '0-1' });
      client.close();
    }
    for (const query of ['', 'page=2']) {
      const client = await welcomed(TestClient.connect(`${await node.url('s2')}?${query}`));
      expect(client.welcome).toMatchObject({ resumed: false });
      client.close();
    }
  });

  it('sends protocol pings and ends a connection that misses two of them', async () => {
    const deaf = new WebSocket(await node.url('s3'), ['wirepost.v1'], { autoPong: false });
    let pings = 0;
    let code = 0;
    deaf.on('ping', () => (pings += 1));
    deaf.on('close', (reason) => (code = reason));
    const alive = await welcomed(TestClient.connect(await node.url('s3')));
    await eventually(
      () => {
        expect(code).toBe(4408);
      },
      { within: 6000 },
    );
    expect(pings).toBe(2);
    expect(alive.closed).toBeUndefined();
  });

  it('sends no protocol pings to who says something in every heartbeat', async () => {
    const talking = new WebSocket(await node.url('s3'), ['wirepost.v1']);
    const quiet = new WebSocket(await node.url('s3'), ['wirepost.v1']);
    let [toTalking, toQuiet] = [0, 0];
    talking.on('ping', () => (toTalking += 1));
    quiet.on('ping', () => (toQuiet += 1));
    await eventually(
      () => {
        if (talking.readyState === WebSocket.OPEN) talking.send(JSON.stringify({ op: 'ping' }));
        expect(toQuiet).toBe(2);
      },
      { within: 8000 },
    );
    expect(toTalking).toBe(0);
    talking.close();
    quiet.close();
  }, 15_000);

  it('ends with bye and 4401 when the session is over', async () => {
    const client = await welcomed(TestClient.connect(await node.url('s4', { sessionTtl: 1000 })));
    await eventually(() => {
      expect(client.closed).toEqual({ code: 4401, reason: 'session over' });
    });
    expect(client.frames.at(-1)).toMatchObject({ op: 'bye', code: 4401 });
  });

  it('lives on when it is renewed in time', async () => {
    const client = await welcomed(TestClient.connect(await node.url('s5', { sessionTtl: 2000 })));
    const url = await node.url('s5');
    client.send({ op: 'renew', token: tokenOf(url) });
    await eventually(() => {
      expect(client.ops('welcome')).toHaveLength(2);
    });
    const ends = Number(client.ops('welcome')[1]?.['sessionEnds']);
    expect(ends).toBeGreaterThan(Date.now() + 60_000);
    await eventually(() => {
      expect(Date.now()).toBeGreaterThan(Number(client.welcome?.['sessionEnds']) + 1500);
    });
    expect(client.closed).toBeUndefined();
  });

  it('becomes another user by renew, gets what was pushed to it before, and no longer the old one’s', async () => {
    const page = await welcomed(TestClient.connect(await node.url('anonymous-1')));
    const url = await node.url('user-1');
    await node.push(aBody({ toUniqueId: 'user-1', content: 'before' }));
    await node.push(aBody({ sendType: 'BROADCAST', toUniqueId: undefined, content: 'all' }));
    await eventually(() => {
      expect(page.contents).toEqual(['all']);
    });
    page.send({ op: 'renew', token: tokenOf(url) });
    await eventually(() => {
      expect(page.contents).toEqual(['all', 'before']);
    });
    expect(page.ops('welcome')[1]).toMatchObject({ uniqueId: 'user-1', resumed: false });
    await node.push(aBody({ toUniqueId: 'anonymous-1', content: 'old' }));
    await node.push(aBody({ toUniqueId: 'user-1', content: 'new' }));
    await eventually(() => {
      expect(page.contents).toEqual(['all', 'before', 'new']);
    });
  });

  it('is who its last renewal says, also when one before it takes longer', async () => {
    const page = await welcomed(TestClient.connect(await node.url('anonymous-3')));
    const admit = node.app.nest.get(AdmitClient);
    const execute = admit.execute.bind(admit);
    let goOn = (): void => undefined;
    const held = new Promise<void>((resolve) => (goOn = resolve));
    const spy = jest
      .spyOn(admit, 'execute')
      .mockImplementationOnce(async (...given) => held.then(() => execute(...given)));
    for (const user of ['alice', 'bob']) {
      const url = await node.url(user);
      page.send({ op: 'renew', token: tokenOf(url) });
    }
    page.send({ op: 'ping' });
    await eventually(() => {
      expect(page.ops('pong')).toHaveLength(1);
    });
    goOn();
    await eventually(() => {
      expect(page.ops('welcome').map((frame) => frame['uniqueId'])).toEqual([
        'anonymous-3',
        'alice',
        'bob',
      ]);
    });
    spy.mockRestore();
  });

  it('sends as the identity, and with the grants, of its last renewal', async () => {
    const peer = await welcomed(TestClient.connect(await node.url('peer')));
    const page = await welcomed(
      TestClient.connect(await node.url('anonymous-2', { clientToClient: true })),
    );
    const renew = async (grants: Record<string, unknown>, welcomes: number): Promise<void> => {
      const url = await node.url('user-2', grants);
      page.send({ op: 'renew', token: tokenOf(url) });
      await eventually(() => {
        expect(page.ops('welcome')).toHaveLength(welcomes);
      });
    };
    const note = aBody({ messageType: 'CLIENT_TO_CLIENT', toUniqueId: 'peer' });
    await renew({ clientToClient: true }, 2);
    page.send(note);
    await eventually(() => {
      expect(peer.bodies).toMatchObject([{ fromUniqueId: 'user-2' }]);
    });
    await renew({}, 3);
    page.send({ ...note, messageId: 'no' });
    await eventually(() => {
      expect(page.ops('rejected')).toMatchObject([{ messageId: 'no', code: 'FORBIDDEN' }]);
    });
  });

  it('forgives bad frames with each heartbeat', async () => {
    const client = await welcomed(TestClient.connect(await node.url('clumsy')));
    let pings = 0;
    client.ws.on('ping', () => (pings += 1));
    for (const rejected of [6, 12]) {
      const before = pings;
      for (let i = 0; i < 6; i += 1) client.send('nonsense');
      await eventually(() => {
        expect(client.ops('rejected')).toHaveLength(rejected);
      });
      // A ping comes two heartbeats after the last frame.
      if (rejected === 6)
        await eventually(() => {
          expect(pings).toBeGreaterThan(before);
        });
    }
    expect(client.closed).toBeUndefined();
  });

  it('is told of a gap when it renews with a token whose place the window has passed', async () => {
    const small = await TestNode.start({ WINDOW_MAX_BYTES: '1MiB' });
    const url = await small.url('renewed');
    const page = await welcomed(TestClient.connect(await small.url('anonymous')));
    for (let i = 0; i < 40; i += 1) {
      const bodies = Array.from({ length: 10 }, () =>
        aBody({ toUniqueId: 'renewed', content: 'x'.repeat(10_000) }),
      );
      expect((await small.post('/websocket/push/batch', bodies)).status).toBe(202);
    }
    page.send({ op: 'renew', token: tokenOf(url) });
    await eventually(() => {
      expect(page.ops('gap')).toMatchObject([{ reason: 'WINDOW_PASSED' }]);
      expect(page.bodies.length).toBeGreaterThan(0);
    });
    expect(small.app.nest.get(Metrics).total('gaps')).toBe(1);
    // An id is known for as long as its entry is in the window, which holds far less than its age.
    const { repeatWithin } = page.ops('welcome')[1]?.['limits'] as { repeatWithin: number };
    expect(repeatWithin).toBeLessThan(60_000);
    await small.stop();
  });

  it('refuses to renew with a token that was used, is none or is for reconnecting, and stays as it is', async () => {
    const url = await node.url('s6');
    const client = await welcomed(TestClient.connect(url));
    client.send({ op: 'renew', token: tokenOf(url) });
    client.send({ op: 'renew', token: 'a.b.c' });
    // One of these is good for ever: who is two users in turn would have what both missed looked for each time.
    client.send({ op: 'renew', token: client.welcome?.['reconnectToken'] });
    await eventually(() => {
      expect(
        client
          .ops('rejected')
          .map((frame) => frame['code'])
          .sort(),
      ).toEqual(['TOKEN_USED', 'UNAUTHENTICATED', 'UNAUTHENTICATED']);
    });
    await node.push(aBody({ toUniqueId: 's6', content: 'still here' }));
    await eventually(() => {
      expect(client.contents).toEqual(['still here']);
    });
  });

  it('takes a client’s messages in their order and answers each', async () => {
    const client = await welcomed(TestClient.connect(await node.url('s7')));
    const ids = Array.from({ length: 1000 }, (_, i) => `m${String(i)}`);
    for (const messageId of ids) client.send(aQuestion({ businessType: 'test.silent', messageId }));
    await eventually(() => {
      expect(client.ops('accepted').map((frame) => frame['messageId'])).toEqual(ids);
    });
  });
});

describe('a client that sends faster than the broker confirms', () => {
  it('is not read on while some hundred of its messages are under way', async () => {
    const node = await TestNode.start({}, [TestHandlersModule]);
    const client = await welcomed(TestClient.connect(await node.url('fast')));
    const other = await welcomed(TestClient.connect(await node.url('other')));
    const held: (() => void)[] = [];
    const execute = jest
      .spyOn(node.app.nest.get(AcceptClientMessage), 'execute')
      .mockImplementation(() => new Promise((resolve) => held.push(resolve)));
    const total = 5000;
    const content = 'x'.repeat(KiB);
    for (let i = 0; i < total; i += 1)
      client.send(aQuestion({ businessType: 'test.silent', messageId: `f${String(i)}`, content }));
    await eventually(() => {
      expect(held.length).toBeGreaterThanOrEqual(256);
    });
    // A hundred turns in which it might be read on.
    for (let i = 1; i <= 100; i += 1) {
      other.send({ op: 'ping' });
      await eventually(
        () => {
          expect(other.ops('pong')).toHaveLength(i);
        },
        { every: 1 },
      );
    }
    expect(held.length).toBeLessThan(1000);
    await eventually(() => {
      for (const goOn of held.splice(0)) goOn();
      expect(client.ops('accepted')).toHaveLength(total);
    });
    execute.mockRestore();
    await node.stop();
  });
});

describe('a slow reader', () => {
  async function stalled(
    env: Record<string, string>,
  ): Promise<{ node: TestNode; client: TestClient; total: number }> {
    const node = await TestNode.start({ MAX_BUFFERED: '64KiB', ...env });
    const client = await welcomed(TestClient.connect(await node.url('slow')));
    client.ws.pause();
    const total = 400;
    const filler = 'x'.repeat(50 * KiB);
    for (let i = 0; i < total; i += 20) {
      const bodies = Array.from({ length: 20 }, (_, k) =>
        aBody({ toUniqueId: 'slow', content: { n: i + k, filler } }),
      );
      await node.post('/websocket/push/batch', bodies);
    }
    return { node, client, total };
  }

  function numbers(client: TestClient): number[] {
    return client.contents.map((content) => (content as { n: number }).n);
  }

  it('is paused and goes on from its position when it reads again: nothing lost, nothing twice', async () => {
    const { node, client, total } = await stalled({});
    expect(node.app.nest.get(Metrics).total('pauses')).toBeGreaterThan(0);
    client.ws.resume();
    await eventually(() => {
      expect(numbers(client)).toEqual(Array.from({ length: total }, (_, i) => i));
    });
    expect(client.ops('gap')).toHaveLength(0);
    await node.stop();
  });

  it('gets a gap when the window has passed it, and then everything that is still there', async () => {
    const { node, client, total } = await stalled({ WINDOW_MAX_BYTES: '1MiB' });
    client.ws.resume();
    await eventually(() => {
      expect(numbers(client).at(-1)).toBe(total - 1);
    });
    expect(client.ops('gap').length).toBeGreaterThan(0);
    expect(client.ops('gap')[0]).toMatchObject({ reason: 'WINDOW_PASSED' });
    const seen = numbers(client);
    expect(seen).toEqual([...new Set(seen)].sort((a, b) => a - b));
    const missing = total - seen.length;
    const skipped = client.ops('gap').reduce((sum, gap) => {
      const [from, to] = [String(gap['from']), String(gap['to'])].map((text) =>
        Number(text.split('-')[0]),
      );
      return sum + Number(to) - Number(from);
    }, 0);
    expect(missing).toBeGreaterThan(0);
    expect(skipped).toBeGreaterThanOrEqual(missing);
    await node.stop();
  });
});

describe('a node that stops', () => {
  it('says bye with a time to come back and closes with 1012', async () => {
    const node = await TestNode.start();
    const clients = await Promise.all(
      Array.from({ length: 20 }, async (_, i) =>
        welcomed(TestClient.connect(await node.url(`stop-${String(i)}`))),
      ),
    );
    await node.push(aBody({ sendType: 'BROADCAST', toUniqueId: undefined, content: 'last words' }));
    await node.stop();
    for (const client of clients) {
      await eventually(() => {
        expect(client.closed).toEqual({ code: 1012, reason: 'restarting' });
      });
      expect(client.contents).toEqual(['last words']);
      expect(client.frames.at(-1)).toMatchObject({
        op: 'bye',
        code: 1012,
        retryAfter: expect.any(Number) as number,
      });
    }
  });
});
