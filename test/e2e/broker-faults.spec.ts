import amqp from 'amqplib';

import { LogFollower } from '../../src/application/log/log-follower';
import { eventually } from '../support/eventually';
import { aBody, aQuestion } from '../support/message.builder';
import { RabbitMqNode } from '../support/rabbitmq-node';
import { TestClient, welcomed } from '../support/test-client';
import { TestHandlersModule } from '../support/test-handlers';
import { TestNode } from '../support/test-node';

/** Kills, blocks and empties a broker of its own. */
describe('a node whose broker fails', () => {
  let broker: RabbitMqNode;
  let node: TestNode;
  beforeAll(async () => {
    broker = await RabbitMqNode.start();
    node = await TestNode.start(
      { AMQP_URL: broker.url, PUBLISH_TIMEOUT: '2s', RETRY_DELAYS: '50ms' },
      [TestHandlersModule],
    );
    await broker.settle();
  }, 120_000);
  afterAll(async () => {
    await node.stop();
    await broker.stop();
  }, 60_000);

  async function connect(uniqueId: string): Promise<TestClient> {
    const client = TestClient.connect(await node.url(uniqueId));
    await eventually(() => {
      expect(client.welcome).toBeDefined();
    });
    return client;
  }

  async function isReady(): Promise<void> {
    await eventually(
      async () => {
        expect((await node.get('/health/ready')).status).toBe(200);
      },
      { within: 60_000 },
    );
  }

  async function ready(): Promise<void> {
    await eventually(
      async () => {
        expect((await node.push(aBody({ toUniqueId: 'nobody' }))).status).toBe(202);
      },
      { within: 60_000 },
    );
  }

  /** Pushes one by one until told to stop; repeats an id whose outcome is not known, as a caller should. */
  function stream(to: string): {
    accepted: number[];
    refused: () => number;
    stop: () => Promise<void>;
  } {
    const accepted: number[] = [];
    let refused = 0;
    const abort = new AbortController();
    const running = (async () => {
      for (let n = 0; !abort.signal.aborted; n += 1) {
        for (;;) {
          const started = Date.now();
          const answer = await node.push(
            aBody({ toUniqueId: to, messageId: `${to}-${String(n)}`, content: n }),
          );
          expect(Date.now() - started).toBeLessThan(4000);
          if (answer.status === 202) break;
          expect(answer.status).toBe(503);
          expect(answer.headers.get('retry-after')).toBe('1');
          refused += 1;
          await new Promise((resolve) => setTimeout(resolve, 50));
        }
        accepted.push(n);
      }
    })();
    return {
      accepted,
      refused: () => refused,
      stop: async () => {
        abort.abort();
        await running;
      },
    };
  }

  it('loses no accepted push over kill -9 and restart, repeats none and keeps the order', async () => {
    const client = await connect('killed');
    const pushes = stream('killed');
    await eventually(() => {
      expect(pushes.accepted.length).toBeGreaterThan(200);
    });
    await broker.kill9();
    await broker.boot();
    const before = pushes.accepted.length;
    await eventually(
      () => {
        expect(pushes.accepted.length).toBeGreaterThan(before + 200);
      },
      { within: 60_000 },
    );
    await pushes.stop();
    expect(pushes.refused()).toBeGreaterThan(0);
    await eventually(() => {
      expect(client.contents).toEqual(pushes.accepted);
    });
    expect(client.closed).toBeUndefined();
    expect(client.ops('gap')).toHaveLength(0);
    const offsets = client.bodies.map((body) => Number(String(body['cursor']).split('-')[0]));
    expect(offsets).toEqual([...new Set(offsets)].sort((a, b) => a - b));
  }, 120_000);

  it('is not ready, and takes no clients, once the broker has been away for a while, until it is back', async () => {
    // It takes pushes again a moment before its probe has come back.
    await isReady();
    const client = await connect('away');
    const url = node.socketUrl(String(client.welcome?.['reconnectToken']));
    await broker.kill9();
    await eventually(
      async () => {
        const { status, headers, data } = await node.get('/health/ready');
        expect(status).toBe(503);
        expect(headers.get('retry-after')).toBe('1');
        expect(data).toMatchObject({ code: 'UNAVAILABLE', retryable: true });
      },
      { within: 30_000 },
    );
    expect((await node.get('/health/live')).status).toBe(200);
    const early = TestClient.connect(url);
    await eventually(() => {
      expect(early.closed).toEqual({ code: 1013, reason: 'not ready' });
    });
    expect(client.closed).toBeUndefined();
    await broker.boot();
    await isReady();
    const late = TestClient.connect(url);
    await eventually(() => {
      expect(late.welcome).toBeDefined();
    });
  }, 120_000);

  it('handles upstream messages again after the restart', async () => {
    const client = await connect('after');
    client.send(aQuestion({ businessType: 'test.echo', messageId: 'after-1', content: 'back' }));
    await eventually(
      () => {
        expect(client.contents).toEqual(['back']);
      },
      { within: 15_000 },
    );
  }, 60_000);

  it('answers 503 within a second while the broker is out of memory, and goes on delivering', async () => {
    const client = await connect('blocked');
    await broker.ctl('set_vm_memory_high_watermark', '0.00001');
    try {
      await eventually(
        async () => {
          const started = Date.now();
          const answer = await node.push(aBody({ toUniqueId: 'blocked', content: 'no' }));
          expect(answer.status).toBe(503);
          expect(Date.now() - started).toBeLessThan(1000);
        },
        { within: 15_000 },
      );
      client.send({ op: 'ping' });
      await eventually(() => {
        expect(client.ops('pong')).toHaveLength(1);
      });
      client.send(aQuestion({ businessType: 'test.echo', messageId: 'blocked-1' }));
      await eventually(() => {
        expect(client.ops('rejected')[0]).toMatchObject({
          messageId: 'blocked-1',
          code: 'UNAVAILABLE',
          retryable: true,
        });
      });
    } finally {
      await broker.ctl('set_vm_memory_high_watermark', '0.6');
    }
    await ready();
    await node.push(aBody({ toUniqueId: 'blocked', content: 'yes' }));
    await eventually(() => {
      expect(client.contents.at(-1)).toBe('yes');
    });
  }, 90_000);

  it('does not accept what the log’s exchange cannot route, and binds the log again', async () => {
    const connection = await amqp.connect(broker.url);
    const channel = await connection.createChannel();
    await channel.unbindQueue('wirepost.log', 'wirepost.push', '');
    expect((await node.push(aBody({ toUniqueId: 'unbound' }))).status).toBe(503);
    await connection.close();
    await ready();
  }, 60_000);

  it('comes back when the broker closes its channels and keeps the connection', async () => {
    const client = await connect('channels');
    await broker.ctl('eval', '[exit(P, kill) || P <- pg_local:get_members(rabbit_channels)], ok.');
    await ready();
    await node.push(aBody({ toUniqueId: 'channels', content: 'again' }));
    client.send(
      aQuestion({ businessType: 'test.echo', messageId: 'channels-1', content: 'handled' }),
    );
    await eventually(
      () => {
        expect([...client.contents].sort()).toEqual(['again', 'handled']);
      },
      { within: 20_000 },
    );
  }, 60_000);

  it.each([
    [
      'the binding of a handler’s queue',
      (channel: amqp.Channel) =>
        channel.unbindQueue('wirepost.handler.test.echo', 'wirepost.upstream', 'test.echo'),
    ],
    [
      'the exchange of upstream messages',
      (channel: amqp.Channel) => channel.deleteExchange('wirepost.upstream'),
    ],
  ])(
    'asks clients to try again, and makes it anew, when %s is gone',
    async (what, remove) => {
      const client = await connect(`anew ${what}`);
      const connection = await amqp.connect(broker.url);
      await remove(await connection.createChannel());
      await connection.close();
      let n = 0;
      await eventually(
        () => {
          const messageId = `anew-${String(++n)}`;
          client.send(aQuestion({ businessType: 'test.echo', messageId, content: what }));
          expect(client.contents).toContain(what);
        },
        { within: 15_000 },
      );
      expect(client.ops('rejected').length).toBeGreaterThan(0);
      for (const { retryable } of client.ops('rejected')) expect(retryable).toBe(true);
    },
    60_000,
  );

  it('comes back when a handler’s queue is deleted under it', async () => {
    const client = await connect('deleted');
    const connection = await amqp.connect(broker.url);
    const channel = await connection.createChannel();
    await channel.deleteQueue('wirepost.handler.test.echo');
    await connection.close();
    let n = 0;
    await eventually(
      () => {
        client.send(
          aQuestion({
            businessType: 'test.echo',
            messageId: `deleted-${String(++n)}`,
            content: 'back',
          }),
        );
        expect(client.contents).toContain('back');
      },
      { within: 15_000 },
    );
  }, 60_000);

  it('tells every client of a gap when the log was deleted and made anew, and delivers the new one', async () => {
    const client = await connect('recreated');
    await node.push(aBody({ toUniqueId: 'recreated', content: 'old' }));
    await eventually(() => {
      expect(client.contents).toEqual(['old']);
    });
    const old = client.cursor;
    const used = await node.url('once');
    await welcomed(TestClient.connect(used));
    const applied = node.app.nest.get(LogFollower).applied?.offset ?? 0;
    expect(applied).toBeGreaterThan(100);
    const connection = await amqp.connect(broker.url);
    const channel = await connection.createChannel();
    await channel.deleteQueue('wirepost.log');
    await connection.close();
    await eventually(
      () => {
        expect(client.ops('gap')).toHaveLength(1);
      },
      { within: 30_000 },
    );
    expect(client.ops('gap')[0]).toMatchObject({ reason: 'OTHER_LOG' });
    await ready();
    await node.push(aBody({ toUniqueId: 'recreated', content: 'new' }));
    await eventually(() => {
      expect(client.contents.at(-1)).toBe('new');
    });
    // The claims of the former log are gone with it.
    const again = TestClient.connect(used);
    await eventually(() => {
      expect(again.closed).toEqual({ code: 4401, reason: 'token expired' });
    });
    const late = TestClient.connect(await node.url('recreated'), { cursor: old });
    await eventually(() => {
      expect(late.ops('gap')).toHaveLength(1);
      expect(late.contents.at(-1)).toBe('new');
    });
  }, 90_000);
});
