import { RabbitMqCluster } from '../support/rabbitmq-cluster';
import { killedLeader, rollingRestart } from './cluster-nemeses';
import { runFault } from './fault-run';
import type { Row } from './results';

const RUN = 180_000;

describe('a cluster of three servers', () => {
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

  it(
    'loses nothing when the leader of the log is killed',
    async () => {
      await run({
        row: 'cluster: kill -9 of the leader of the log',
        seed: 11,
        hold: 0,
        recoverWithin: 20_000,
        nemesis: ({ system }) => killedLeader(cluster, `${system.prefix}.log`),
      });
      await cluster.whole();
    },
    RUN,
  );

  it(
    'loses nothing when the leader of a quorum queue is killed',
    async () => {
      await run({
        row: 'cluster: kill -9 of the leader of a quorum queue',
        seed: 12,
        hold: 0,
        recoverWithin: 20_000,
        nemesis: ({ system }) => killedLeader(cluster, `${system.prefix}.handler.qrcode.refresh`),
      });
      await cluster.whole();
    },
    RUN,
  );

  it(
    'loses nothing when its servers are restarted in turn',
    async () => {
      await run({
        row: 'cluster: rolling restart',
        seed: 14,
        nemesis: () => rollingRestart(cluster),
        hold: 0,
      });
    },
    RUN,
  );
});
