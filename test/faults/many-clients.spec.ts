import { eventually } from '../support/eventually';
import { isFullRun } from '../support/full-run';
import { GatewayProcess } from '../support/gateway-process';
import { aBody } from '../support/message.builder';
import { peakOf, residentOf } from '../support/process-memory';
import { pushBatch } from '../support/push-batch';
import { onSharedBroker } from '../support/shared-broker';
import { Swarm } from '../support/swarm';
import { TestClient, welcomed } from '../support/test-client';
import { sound } from './results';
import { allBack, resumed, same } from './swarm-checks';

const MIB = 1024 * 1024;

describe('clients that do not read', () => {
  let gateway: GatewayProcess;
  afterEach(() => gateway.kill9());

  /** Nobody is given up for missing heartbeats while memory is watched. */
  async function start(window: string): Promise<void> {
    const settings = { HEARTBEAT: '5m', WINDOW_MAX_BYTES: window };
    gateway = await GatewayProcess.start({ ...onSharedBroker(), ...settings });
  }

  /** A body of 8 KiB. */
  const large = (over: object): object => ({ ...aBody(), content: 'x'.repeat(8192), ...over });

  /** Pushes `count` large bodies, a hundred at a time. */
  async function flood(count: number, over: object): Promise<void> {
    for (let i = 0; i < count; i += 100)
      await pushBatch(
        gateway.base,
        Array.from({ length: 100 }, () => large(over)),
      );
  }

  it('one with a closed window gets everything in order when it reads again, and delays nobody', async () => {
    await start('32MiB');
    const slow = await connect('slow');
    const quick = await connect('quick');
    slow.ws.pause();
    const before = residentOf(gateway.pid);
    await flood(2000, { toUniqueId: 'slow' });
    const began = performance.now();
    await pushBatch(gateway.base, [aBody({ toUniqueId: 'quick', content: 'hello' })]);
    await eventually(() => {
      expect(quick.contents).toEqual(['hello']);
    });
    expect(performance.now() - began).toBeLessThan(1000);
    // 16 MiB wait in the log's window, once; not in the socket.
    expect(residentOf(gateway.pid) - before).toBeLessThan(100 * MIB);
    const reads = performance.now();
    slow.ws.resume();
    await eventually(
      () => {
        expect(slow.bodies).toHaveLength(2000);
      },
      { within: 20_000 },
    );
    const offsets = slow.bodies.map((body) => Number(String(body['cursor']).split('-')[0]));
    expect(offsets).toEqual([...new Set(offsets)].sort((a, b) => a - b));
    expect(slow.ops('gap')).toHaveLength(0);
    for (const each of [slow, quick]) each.terminate();
    sound('client with a closed window', 2001, Math.round(performance.now() - reads));
  }, 60_000);

  it('a thousand of them cost the node no memory', async () => {
    const count = 1000;
    // All of them read the whole window when they go on.
    await start('4MiB');
    const swarm = await Swarm.at(gateway.base);
    try {
      await swarm.join(count);
      await swarm.stall(true);
      // Fills the sockets and the window, and lets V8 come to rest; from then on nothing may grow.
      const [fill, more] = [16_000, isFullRun ? 20_000 : 4000];
      await flood(fill, { sendType: 'BROADCAST', toUniqueId: undefined });
      const full = residentOf(gateway.pid);
      await flood(more, { sendType: 'BROADCAST', toUniqueId: undefined });
      const grown = residentOf(gateway.pid) - full;
      expect(grown).toBeLessThan(64 * MIB);
      const began = performance.now();
      await swarm.stall(false);
      const end = aBody({ sendType: 'BROADCAST', toUniqueId: undefined, messageId: 'the-end' });
      await pushBatch(gateway.base, [end]);
      await eventually(
        async () => {
          expect((await swarm.report()).last).toEqual({ 'the-end': count });
        },
        { within: 60_000 },
      );
      const held = `RSS ${(full / MIB).toFixed(0)} MiB, then ${(grown / MIB).toFixed(0)} MiB more`;
      sound(
        '1000 clients that read nothing',
        fill + more + 1,
        Math.round(performance.now() - began),
        held,
      );
    } finally {
      await swarm.end();
    }
  }, 180_000);

  async function connect(uniqueId: string): Promise<TestClient> {
    return welcomed(TestClient.connect(gateway.socketUrl(await gateway.token(uniqueId))));
  }
});

describe('clients that all come back at once', () => {
  const count = isFullRun ? 10_000 : 1000;

  it('after their node was killed: the other one takes them all, and each has everything once', async () => {
    const env = onSharedBroker();
    const [victim, survivor] = [await GatewayProcess.start(env), await GatewayProcess.start(env)];
    const swarm = await Swarm.at(victim.base);
    try {
      await swarm.join(count);
      await eventually(async () => {
        expect((await swarm.report()).connected).toBe(count);
      });
      const broadcast = (): Promise<void> =>
        pushBatch(
          survivor.base,
          Array.from({ length: 5 }, () => aBody({ sendType: 'BROADCAST', toUniqueId: undefined })),
        );
      await broadcast();
      await swarm.mark();
      await swarm.lead(survivor.base);
      await victim.kill9();
      await broadcast();
      const back = await allBack(swarm);
      await broadcast();
      await same(swarm, count, 15);
      const all = resumed(back, 1);
      expect(all).toBeLessThan(30_000);
      const peak = peakOf(survivor.pid);
      expect(peak).toBeLessThan(1024 * MIB);
      expect((await fetch(`${survivor.base}/health/ready`)).status).toBe(200);
      const held = `99 % in ${String(resumed(back, 0.99))} ms, peak RSS ${(peak / MIB).toFixed(0)} MiB`;
      sound(`${String(count)} clients reconnect at once`, 15, all, held);
    } finally {
      await swarm.end();
      await Promise.all([victim.kill9(), survivor.kill9()]);
    }
  }, 180_000);
});
