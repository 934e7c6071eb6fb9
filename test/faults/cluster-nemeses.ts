import type { RabbitMqCluster } from '../support/rabbitmq-cluster';
import type { Nemesis } from './nemesis';

/** kill -9 of the server that leads a queue or the log; it comes back when the fault ends. */
export function killedLeader(cluster: RabbitMqCluster, queue: string): Nemesis {
  let victim: number | undefined;
  const revive = async (): Promise<void> => {
    if (victim === undefined) return;
    const node = cluster.node(victim);
    victim = undefined;
    await node.boot();
    await cluster.whole();
  };
  return {
    name: `kill -9 of the leader of ${kindOf(queue)}`,
    allows: [],
    start: async () => {
      await cluster.settle();
      const { leader } = await cluster.queue(queue);
      victim = leader;
      await cluster.node(leader).kill9();
      return `member ${String(leader)}, which led, is gone`;
    },
    // The rest of the cluster has to do without it.
    stop: () => Promise.resolve(),
    heal: revive,
  };
}

export interface Cut {
  readonly name: string;
  /** The queue whose leader `split` is told of. */
  readonly queue: string;
  /** Groups of members that do not reach each other. */
  readonly split: (leader: number, others: readonly number[]) => readonly (readonly number[])[];
  /** True when the larger part has to serve while it lasts; else recovery is measured after it has been mended. */
  readonly served: boolean;
}

/** Cuts the lines between groups of members. */
export function partitioned(
  cluster: RabbitMqCluster,
  { name, queue, split, served }: Cut,
): Nemesis {
  let isCut = false;
  const mend = async (): Promise<void> => {
    if (!isCut) return;
    isCut = false;
    await cluster.heal();
  };
  return {
    name,
    allows: [],
    start: async () => {
      const { leader } = await cluster.queue(queue);
      const others = cluster.nodes.map((_, i) => i).filter((i) => i !== leader);
      isCut = true;
      await cluster.network.partition(split(leader, others));
      return `${cluster.network.kind}; member ${String(leader)} led`;
    },
    stop: served ? () => Promise.resolve() : mend,
    heal: mend,
  };
}

/** Stops the servers in turn, in an orderly way, and starts each again before the next is stopped. */
export function rollingRestart(cluster: RabbitMqCluster): Nemesis {
  return {
    name: 'rolling restart',
    allows: [],
    start: async () => {
      for (const node of cluster.nodes) {
        await node.end();
        await node.boot();
        await cluster.whole();
      }
      return `${String(cluster.nodes.length)} servers, one after the other`;
    },
    stop: () => Promise.resolve(),
    heal: () => cluster.whole(),
  };
}

function kindOf(queue: string): string {
  return queue.endsWith('.log') ? 'the log' : 'a quorum queue';
}
