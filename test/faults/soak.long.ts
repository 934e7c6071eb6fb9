import { RabbitMqNode } from '../support/rabbitmq-node';
import { soak } from './soak';

/** `npm run test:soak -- --minutes 10 --seed 1`. */
const minutes = Number(process.env['SOAK_MINUTES'] ?? '10');
const seed = Number(process.env['SOAK_SEED'] ?? String(Date.now() % 100_000));

describe(`nothing is lost, repeated, reordered or stuck in ${String(minutes)} minutes`, () => {
  let broker: RabbitMqNode;
  beforeAll(async () => {
    broker = await RabbitMqNode.start();
  }, 120_000);
  afterAll(() => broker.stop(), 60_000);

  it(
    `when faults of every role come at random (seed ${String(seed)})`,
    async () => {
      await soak({ broker, minutes, seed, on: [3000, 12_000], off: [3000, 10_000] });
    },
    minutes * 60_000 + 300_000,
  );
});
