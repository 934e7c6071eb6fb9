import { type Cut, partitioned, rollingRestart } from './cluster-nemeses';
import { CLUSTER_RUN, ClusterRuns } from './cluster-run';

type Partition = Pick<Cut, 'name' | 'split' | 'served'> & { readonly seed: number };

const PARTITIONS: readonly Partition[] = [
  {
    name: 'the leader of the log is cut off from the others',
    split: (leader, others) => [others, [leader]],
    served: true,
    seed: 13,
  },
  {
    name: 'a server that leads nothing is cut off from the others',
    split: (leader, [first = -1, ...rest]) => [[leader, ...rest], [first]],
    served: true,
    seed: 15,
  },
  {
    name: 'no server reaches another',
    split: (leader, others) => [[leader], ...others.map((one) => [one])],
    served: false,
    seed: 16,
  },
];

describe('a cluster of three servers that are restarted, and whose lines are cut', () => {
  const runs = new ClusterRuns();

  it(
    'loses nothing when its servers are restarted in turn',
    async () => {
      await runs.run({
        row: 'cluster: rolling restart',
        seed: 14,
        nemesis: () => rollingRestart(runs.cluster),
        hold: 0,
      });
    },
    CLUSTER_RUN,
  );

  it.each(PARTITIONS)(
    'loses nothing when $name',
    async ({ name, split, served, seed }) => {
      await runs.run({
        row: `cluster: ${name}`,
        seed,
        // As long as RabbitMQ takes to notice, and to act; where the rest serves, `around` keeps it so.
        hold: served ? 0 : 15_000,
        around: served ? 4500 : 900,
        recoverWithin: 30_000,
        nemesis: ({ system }) =>
          partitioned(runs.cluster, { name, queue: `${system.prefix}.log`, split, served }),
      });
    },
    CLUSTER_RUN,
  );
});
