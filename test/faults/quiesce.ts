import { eventually } from '../support/eventually';
import { ASKED_EVERY } from '../support/rabbitmq-node';
import type { FaultClient } from './client';
import type { Generator } from './generator';
import type { Load } from './load';
import type { Nemesis } from './nemesis';
import type { System } from './system';

/** ms for the last probes: a client that does not answer by then is a zombie. */
const PROBE = 10_000;

/**
 * Brings a run to rest: everything healed, every operation ended, queues empty, every client connected anew from its
 * cursor, and a probe to each. Every step may take `limit` ms. The log is one order, so what has not come before its client's probe never will.
 */
export async function quiesce(
  system: System,
  load: Load,
  generator: Generator,
  nemeses: readonly Nemesis[],
  limit = 60_000,
): Promise<void> {
  for (const nemesis of nemeses) await nemesis.heal();
  load.stop();
  await load.settled(limit);
  const left = await emptied(system, limit);
  for (const { client } of system.clients) client.reconnect();
  await reached(system, () => system.clients.every(({ connected }) => connected), limit);
  system.history.add({ kind: 'quiesced', left });
  const probes = system.clients.map(({ identity }) => generator.probe(identity));
  for (const probe of probes) void load.run(probe);
  const isReached = ({ name, got }: FaultClient): boolean =>
    probes.every(({ op, audience }) => !audience.includes(name) || got.has(op));
  await reached(system, () => system.clients.every(isReached), PROBE);
  await load.settled(PROBE);
}

/** Waits until the queues are empty; returns what they still hold after the limit. */
async function emptied(system: System, limit: number): Promise<string> {
  let left = 'not known';
  await eventually(
    async () => {
      const waiting = [...(await system.waiting())];
      left = waiting.map(([queue, count]) => `${String(count)} in ${queue}`).join(', ');
      if (left !== '') throw new Error('the queues are not empty');
    },
    { within: limit, every: ASKED_EVERY },
  ).catch(() => undefined);
  return left;
}

/** Waits until it holds; that it does not is for the checker to say. */
async function reached(system: System, holds: () => boolean, within: number): Promise<void> {
  await eventually(
    () => {
      if (!holds()) throw new Error(`not within ${String(within)} ms at ${system.prefix}`);
    },
    { within },
  ).catch(() => undefined);
}
