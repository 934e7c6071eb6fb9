import { RabbitMqNode } from '../support/rabbitmq-node';
import { soak } from './soak';

/** The short one; `npm run test:soak` is the long one. */
describe('nothing is lost, repeated, reordered or stuck', () => {
  let broker: RabbitMqNode;
  beforeAll(async () => {
    broker = await RabbitMqNode.start();
  }, 120_000);
  afterAll(() => broker.stop(), 60_000);

  it('when faults of every role come at random', async () => {
    await soak({ broker, minutes: 0.4, seed: 1, on: [1000, 2000], off: [1000, 2000] });
  }, 180_000);
});
