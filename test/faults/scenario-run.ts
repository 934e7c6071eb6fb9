import { RabbitMqNode } from '../support/rabbitmq-node';
import { buildGateway } from './build';
import { runFault } from './fault-run';
import { type Scenario, scenarios } from './scenarios';

/** A test for each scenario: what shows the defects of broken builds must show none in the real one. */
export function eachIsSurvived(names: readonly (keyof ReturnType<typeof scenarios>)[]): void {
  let broker: RabbitMqNode;
  let main: string;
  beforeAll(async () => {
    broker = await RabbitMqNode.start();
    main = buildGateway();
  }, 120_000);
  afterAll(() => broker.stop(), 60_000);

  it.each(names)(
    'in the scenario %s',
    async (name) => {
      const scenario: Scenario = scenarios(broker)[name];
      await runFault({ ...scenario, row: scenario.name, seed: 1, broker, main });
    },
    120_000,
  );
}
