import { RabbitMqNode } from '../support/rabbitmq-node';
import { buildGateway } from './build';
import { runFault } from './fault-run';
import { type Scenario, scenarios } from './scenarios';

/** What shows the defects of broken builds must show none in the real one. */
describe('nothing is lost, repeated, reordered or stuck', () => {
  let broker: RabbitMqNode;
  let main: string;
  beforeAll(async () => {
    broker = await RabbitMqNode.start();
    main = buildGateway();
  }, 120_000);
  afterAll(() => broker.stop(), 60_000);

  it.each([
    'plain',
    'tokens',
    'reconnects',
    'unbound',
    'replies',
    'backlog',
    'window',
    'connections',
    'channels',
    'gateway',
    'broker',
  ] as const)(
    'in the scenario %s',
    async (name) => {
      const scenario: Scenario = scenarios(broker)[name];
      await runFault({ ...scenario, row: scenario.name, seed: 1, broker, main });
    },
    120_000,
  );
});
