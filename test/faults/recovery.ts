import { setTimeout as wait } from 'node:timers/promises';

import type { FaultClient } from './client';
import type { Generator } from './generator';
import type { Load } from './load';

/** ms between two probes of one client. */
const EVERY = 100;

/**
 * ms until every client had the reply to a question that it asked after this call: through its socket, its gateway,
 * the broker, a handler, the log, and back. Infinity when one did not within the time.
 */
export async function timeToRecover(
  clients: readonly FaultClient[],
  generator: Generator,
  load: Load,
  within = 60_000,
): Promise<number> {
  const began = performance.now();
  const times = await Promise.all(
    clients.map(async (client) => {
      const asked: string[] = [];
      while (performance.now() - began < within) {
        const question = generator.question(client.identity, 'probe');
        asked.push(question.op);
        void load.run(question);
        await wait(EVERY);
        if (asked.some((op) => client.got.has(op))) return performance.now() - began;
      }
      return Infinity;
    }),
  );
  return Math.round(Math.max(...times));
}
