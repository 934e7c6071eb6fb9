import { killedLeader } from './cluster-nemeses';
import { CLUSTER_RUN, ClusterRuns } from './cluster-run';

describe('a cluster of three servers', () => {
  const runs = new ClusterRuns();

  it(
    'loses nothing when the leader of the log is killed',
    async () => {
      await runs.run({
        row: 'cluster: kill -9 of the leader of the log',
        seed: 11,
        hold: 0,
        recoverWithin: 20_000,
        nemesis: ({ system }) => killedLeader(runs.cluster, `${system.prefix}.log`),
      });
      await runs.cluster.whole();
    },
    CLUSTER_RUN,
  );

  it(
    'loses nothing when the leader of a quorum queue is killed',
    async () => {
      await runs.run({
        row: 'cluster: kill -9 of the leader of a quorum queue',
        seed: 12,
        hold: 0,
        recoverWithin: 20_000,
        nemesis: ({ system }) =>
          killedLeader(runs.cluster, `${system.prefix}.handler.qrcode.refresh`),
      });
      await runs.cluster.whole();
    },
    CLUSTER_RUN,
  );
});
