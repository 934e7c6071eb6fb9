import { RabbitMqCluster } from '../support/rabbitmq-cluster';
import { type Cut, partitioned } from './cluster-nemeses';
import { runFault } from './fault-run';
import type { Row } from './results';

const RUN = 180_000;

type Partition = Pick<Cut, 'name' | 'split' | 'served'> & { readonly seed: number };

const LEADER_OFF: Partition = {
  name: 'the leader of the log is cut off from the others',
  split: (leader, others) => [others, [leader]],
  served: true,
  seed: 13,
};
const MORE: readonly Partition[] = [
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
const PARTITIONS = [LEADER_OFF, ...MORE];

describe('a cluster of three servers whose lines are cut', () => {
  let cluster: RabbitMqCluster;
  beforeAll(async () => {
    cluster = await RabbitMqCluster.start();
    process.stdout.write(`cluster: ${cluster.network.kind}\n`);
  }, 120_000);
  afterAll(() => {
    cluster.discard();
  });

  const run = (options: Omit<Parameters<typeof runFault>[0], 'broker'>): Promise<Row> =>
    runFault({ ...options, broker: cluster, gateways: 3 });

  it.each(PARTITIONS)(
    'loses nothing when $name',
    async ({ name, split, served, seed }) => {
      await run({
        row: `cluster: ${name}`,
        seed,
        // As long as RabbitMQ takes to notice, and to act; where the rest serves, `around` keeps it so.
        hold: served ? 0 : 15_000,
        around: served ? 4500 : 900,
        recoverWithin: 30_000,
        nemesis: ({ system }) =>
          partitioned(cluster, { name, queue: `${system.prefix}.log`, split, served }),
      });
    },
    RUN,
  );
});
