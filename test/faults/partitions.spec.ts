import { RabbitMqNode } from '../support/rabbitmq-node';
import { killedBroker } from './broker-nemeses';
import { runFault } from './fault-run';
import { killedGateway } from './gateway-nemeses';
import { soak } from './soak';

const PARTITIONS = { partitions: 2, gateways: 4 };

describe('nothing is lost, repeated or reordered where the log has two partitions', () => {
  let broker: RabbitMqNode;
  beforeAll(async () => {
    broker = await RabbitMqNode.start();
  }, 120_000);
  afterAll(() => broker.stop(), 60_000);

  it('when one of the two gateways of a partition is killed', async () => {
    await runFault({
      ...PARTITIONS,
      row: 'two partitions: gateway kill -9',
      seed: 1,
      broker,
      around: 200,
      nemesis: ({ system }) => killedGateway(system, 'g2'),
    });
  }, 120_000);

  it('when the broker is killed', async () => {
    await runFault({
      ...PARTITIONS,
      row: 'two partitions: broker kill -9',
      seed: 2,
      broker,
      around: 200,
      nemesis: () => killedBroker(broker),
    });
  }, 120_000);

  it('when faults of every role come at random', async () => {
    await soak({
      broker,
      minutes: 0.4,
      seed: 3,
      partitions: 2,
      on: [1000, 2000],
      off: [1000, 2000],
    });
  }, 180_000);
});
