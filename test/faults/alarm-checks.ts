import { setTimeout as wait } from 'node:timers/promises';

import { eventually } from '../support/eventually';
import { alarm } from './broker-nemeses';
import type { FaultClient } from './client';
import type { Run } from './fault-run';
import type { Nemesis } from './nemesis';
import { push } from './rest-sender';

/** Messages that wait for a client which comes back while the broker takes none. */
const WAITING = 20;
/** ms, longer than a node is ready that knows nothing new of the log. */
const LASTING = 14_000;
/** ms that a client may take to come back. */
const BACK = 5000;

/** The alarm, with messages in the log for a client that is away when it begins. */
export function alarmWithSomebodyAway(
  { system, load, generator }: Run,
  kind: 'memory' | 'disk',
): Nemesis {
  const nemesis = alarm(system, kind);
  return {
    ...nemesis,
    start: async () => {
      const absent = absentOf(system.clients);
      absent.offline();
      for (let i = 0; i < WAITING; i += 1) await load.run(generator.probe(absent.identity));
      return nemesis.start();
    },
  };
}

/**
 * Every gateway refuses within a second; when the alarm has lasted for a while, the client that was away comes back and
 * gets what the log has for it.
 */
export async function refusesAndDelivers({ system, generator }: Run): Promise<void> {
  for (const gateway of system.gateways) {
    const began = performance.now();
    const { kind } = await push(gateway, generator.probe(absentOf(system.clients).identity));
    expect(kind).toBe('refused');
    expect(performance.now() - began).toBeLessThan(1000);
  }
  await wait(LASTING);
  const absent = absentOf(system.clients);
  const before = absent.got.size;
  absent.online();
  await eventually(
    () => {
      expect(absent.connected).toBe(true);
      expect(absent.got.size).toBeGreaterThanOrEqual(before + WAITING);
    },
    { within: BACK },
  );
}

function absentOf(clients: readonly FaultClient[]): FaultClient {
  const client = clients.find(({ name }) => name === 'c2');
  if (client === undefined) throw new Error('there is no c2');
  return client;
}
