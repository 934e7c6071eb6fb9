import { Swarm, type SwarmReport } from '../support/swarm';
import { judged, type Run, suffer } from './fault-run';
import type { History } from './history';
import type { Nemesis } from './nemesis';
import { quiesce } from './quiesce';
import type { Row } from './results';
import { allBack, resumed, same } from './swarm-checks';
import { CLIENTS, type Gateway, type SystemOptions } from './system';

export interface SwarmRun extends SystemOptions {
  readonly row: string;
  readonly seed: number;
  /** Clients of the swarm, beside those of the load. */
  readonly swarm: number;
  readonly nemesis: (run: Run, victim: Gateway) => Nemesis;
  /** What happens while the fault lasts. */
  readonly during?: (run: Run) => Promise<void>;
  /** Share of the clients that lost their connection which must be back within `resumeWithin` ms. */
  readonly share: number;
  readonly resumeWithin: number;
  /** What must hold of the swarm besides. */
  readonly holds?: (report: SwarmReport) => void;
}

/**
 * Load and a swarm of clients on several gateways, a fault of one of them, and the time until the clients that it had are
 * back. Every client of the swarm must have got the same broadcasts in the same order, each once.
 */
export function runSwarm(options: SwarmRun): Promise<Row> {
  const setting = { gateways: 3, ...options, minimum: 600 };
  return judged(setting, async (run) => {
    const { system, load, history, generator } = run;
    const [victim] = system.gateways;
    if (victim === undefined) throw new Error('there is no gateway');
    const bases = (): string[] => system.gateways.filter(({ up }) => up).map(({ base }) => base);
    const swarm = await Swarm.at(...bases());
    const nemesis = options.nemesis(run, victim);
    try {
      await swarm.join(options.swarm);
      load.start(150);
      await load.accepts(300);
      await swarm.mark();
      await swarm.lead(...bases().filter((base) => base !== victim.base));
      await suffer(nemesis, history, () => options.during?.(run) ?? Promise.resolve());
      const back = await allBack(swarm);
      await load.accepts(300);
      await quiesce(system, load, generator, [nemesis]);
      await same(swarm, options.swarm, broadcastsOf(history));
      options.holds?.(back);
      const recovery = resumed(back, options.share);
      if (recovery > options.resumeWithin)
        throw new Error(`clients were back in ${String(recovery)} ms`);
      return { faults: [nemesis.name], recovery };
    } finally {
      load.stop();
      await nemesis.heal();
      await swarm.end();
    }
  });
}

/** Messages for everybody that a client of the load, and so every client of the swarm, has got. */
function broadcastsOf({ entries }: History): number {
  const broadcasts = new Set<string>();
  for (const entry of entries)
    if (entry.kind === 'invoke' && entry.audience.length === CLIENTS.length)
      broadcasts.add(entry.op);
  const [first] = CLIENTS;
  return entries.filter(
    (entry) => entry.kind === 'app' && entry.client === first?.name && broadcasts.has(entry.op),
  ).length;
}
