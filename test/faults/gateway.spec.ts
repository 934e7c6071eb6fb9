import { setTimeout as wait } from 'node:timers/promises';

import { isFullRun } from '../support/full-run';
import { sharedBroker } from '../support/shared-broker';
import { judged, suffer } from './fault-run';
import { quiesce } from './quiesce';
import { timeToRecover } from './recovery';
import { drained, frozen, killed } from './signal-nemeses';
import { runSwarm } from './swarm-run';

const RUN = 180_000;
/** ms that a gateway stands still. */
const FROZEN = isFullRun ? 60_000 : 15_000;

describe('one of three gateways', () => {
  const broker = sharedBroker();
  const swarm = isFullRun ? 1500 : 150;

  it(
    'is killed with -9: its clients go on at the others within 10 s',
    async () => {
      await runSwarm({
        row: 'gateway kill -9, one of three',
        ...{ seed: 21, broker, swarm },
        nemesis: ({ system }, victim) => killed(system, victim),
        share: 0.99,
        resumeWithin: 10_000,
        holds: ({ lost, closes }) => {
          expect(lost).toBeGreaterThan(swarm / 4);
          expect(closes[1006]).toBeGreaterThanOrEqual(lost);
        },
      });
    },
    RUN,
  );

  it(
    'gets SIGTERM: not ready first, clients sent elsewhere one after the other, status 0',
    async () => {
      await runSwarm({
        row: 'gateway SIGTERM, one of three',
        ...{ seed: 22, broker, swarm },
        nemesis: ({ system }, victim) => drained(system, victim),
        share: 1,
        resumeWithin: 10_000,
        holds: ({ lost, closes, resumedAfter }) => {
          expect(lost).toBeGreaterThan(swarm / 4);
          expect(closes).toEqual({ 1012: lost });
          // They come back one after the other.
          expect((resumedAfter.at(-1) ?? 0) - (resumedAfter[0] ?? 0)).toBeGreaterThan(1000);
        },
      });
    },
    RUN,
  );

  it(
    'stands still and goes on: its clients have left it, and nobody gets anything twice',
    async () => {
      const row = `gateway SIGSTOP ${String(FROZEN / 1000)} s, one of three`;
      const env = { HEARTBEAT: '2s' };
      const setting = { row, seed: 23, broker, gateways: 3, env, minimum: 600 };
      await judged(setting, async ({ system, load, generator, history }) => {
        const [victim] = system.gateways;
        if (victim === undefined) throw new Error('there is no gateway');
        const nemesis = frozen(victim);
        let recovery = Infinity;
        load.start(150);
        try {
          await load.accepts(300);
          await suffer(nemesis, history, async () => {
            // The SDK notices the silence by its own heartbeat and goes elsewhere.
            const end = wait(FROZEN);
            recovery = await timeToRecover(system.clients, generator, load);
            await end;
          });
          await load.accepts(300);
          await quiesce(system, load, generator, [nemesis]);
        } finally {
          load.stop();
          await nemesis.heal();
        }
        return { faults: [nemesis.name], recovery };
      });
    },
    RUN,
  );
});
