import { RabbitMqCluster } from '../support/rabbitmq-cluster';
import { runFault } from './fault-run';
import type { Row } from './results';

/** ms that one run on a cluster may take. */
export const CLUSTER_RUN = 180_000;

/** A cluster of three servers for the tests of a file, and runs of faults on it beside three gateways. */
export class ClusterRuns {
  private started: RabbitMqCluster | undefined;

  constructor() {
    beforeAll(async () => {
      this.started = await RabbitMqCluster.start();
      process.stdout.write(`cluster: ${this.started.network.kind}\n`);
    }, 120_000);
    afterAll(() => {
      this.started?.discard();
    });
  }

  get cluster(): RabbitMqCluster {
    if (this.started === undefined) throw new Error('the cluster has not started');
    return this.started;
  }

  run(options: Omit<Parameters<typeof runFault>[0], 'broker'>): Promise<Row> {
    return runFault({ ...options, broker: this.cluster, gateways: 3 });
  }
}
