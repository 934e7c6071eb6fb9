import { resolve } from 'node:path';

import { eventually } from '../support/eventually';
import { GatewayProcess } from '../support/gateway-process';
import { aBody } from '../support/message.builder';
import { pushBatch } from '../support/push-batch';
import { onSharedBroker } from '../support/shared-broker';
import { TestClient, welcomed } from '../support/test-client';
import { SERVICE_KEY } from '../support/test-node';

const SHIFT = -600_000;

function push(node: GatewayProcess, user: string, content: number): Promise<void> {
  return pushBatch(node.base, [aBody({ toUniqueId: user, content })]);
}

async function behind(node: GatewayProcess): Promise<number> {
  const page = await (
    await fetch(`${node.base}/metrics`, { headers: { authorization: `Bearer ${SERVICE_KEY}` } })
  ).text();
  return Number(/^wirepost_clock_behind_seconds (\S+)/m.exec(page)?.[1]);
}

describe('two nodes, of which the clock of one is ten minutes behind', () => {
  let right: GatewayProcess;
  let late: GatewayProcess;
  beforeAll(async () => {
    const env = onSharedBroker();
    right = await GatewayProcess.start(env);
    late = await GatewayProcess.start({
      ...env,
      NODE_OPTIONS: `--require ${resolve('test/support/shifted-clock.cjs')}`,
      CLOCK_SHIFT: String(SHIFT),
    });
  });
  afterAll(() => Promise.all([right.kill9(), late.kill9()]));

  it('deliver in one order what is pushed at both, and resume at each other without gap or repetition', async () => {
    const there = await welcomed(TestClient.connect(right.socketUrl(await right.token('u'))));
    const here = await welcomed(TestClient.connect(late.socketUrl(await late.token('u'))));
    const count = 40;
    for (let i = 0; i < count; i += 1) await push(i % 2 === 0 ? right : late, 'u', i);
    const all = Array.from({ length: count }, (_, i) => i);
    await eventually(() => {
      expect([there.contents, here.contents]).toEqual([all, all]);
    });
    const places = [
      [there, late],
      [here, right],
    ] as const;
    for (const [client] of places) client.terminate();
    for (let i = 0; i < count; i += 1) await push(i % 2 === 0 ? late : right, 'u', count + i);
    for (const [client, other] of places) {
      const token = String(client.welcome?.['reconnectToken']);
      const back = TestClient.connect(other.socketUrl(token), { cursor: client.cursor });
      await eventually(() => {
        expect(back.contents).toEqual(all.map((i) => count + i));
      });
      expect(back.ops('gap')).toEqual([]);
      back.close();
    }
  });

  it('say it at the one that is behind, by its log and its metrics', async () => {
    await eventually(
      async () => {
        expect(await behind(late)).toBeGreaterThan(590);
      },
      { within: 15_000 },
    );
    expect(await behind(late)).toBeLessThanOrEqual(600);
    expect(late.text).toMatch(/\b(?:59\d|600) s behind that of another node/);
    expect(await behind(right)).toBe(0);
  });

  it('let a token of the one that is behind open there, and have the page ask for another elsewhere', async () => {
    await welcomed(TestClient.connect(late.socketUrl(await late.token('v'))));
    const early = TestClient.connect(right.socketUrl(await late.token('v')));
    await eventually(() => {
      expect(early.closed).toEqual({ code: 4401, reason: 'token expired' });
    });
  });

  it('let a token open once, wherever it is tried again', async () => {
    const token = await right.token('w');
    await welcomed(TestClient.connect(late.socketUrl(token)));
    const again = TestClient.connect(right.socketUrl(token));
    await eventually(() => {
      expect(again.closed).toEqual({ code: 4401, reason: 'token used' });
    });
  });
});
