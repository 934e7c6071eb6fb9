import { RabbitMqNode } from '../support/rabbitmq-node';
import { killedBroker } from './broker-nemeses';
import { runFault } from './fault-run';

describe('nothing is lost when the broker', () => {
  let broker: RabbitMqNode;
  beforeAll(async () => {
    broker = await RabbitMqNode.start();
  }, 120_000);
  afterAll(() => broker.stop(), 60_000);

  it('is killed with -9 and comes back', async () => {
    await runFault({
      row: 'broker kill -9 and restart',
      seed: 1,
      broker,
      nemesis: () => killedBroker(broker),
      hold: 0,
    });
  }, 180_000);
});
