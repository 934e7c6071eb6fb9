import { RabbitMqNode } from '../support/rabbitmq-node';
import { brokenBuilds } from './broken-builds';
import { buildGateway } from './build';
import { directed, observe, onSystem } from './fault-run';
import { record } from './results';

describe('a gateway that', () => {
  let broker: RabbitMqNode;
  beforeAll(async () => {
    broker = await RabbitMqNode.start();
  }, 120_000);
  afterAll(() => broker.stop(), 60_000);

  it.each(
    // The names must be known before there is a broker.
    brokenBuilds(undefined as unknown as RabbitMqNode).map(({ name, problem }) => [name, problem]),
  )(
    '%s is caught: %s',
    async (name, problem) => {
      const build = brokenBuilds(broker).find((one) => one.name === name);
      if (build === undefined) throw new Error(`there is no build that ${name}`);
      const { scenario, patches } = build;
      const setting = { row: `broken: ${name}`, seed: 1, broker, main: buildGateway(patches) };
      await onSystem({ ...setting, ...scenario }, async (run) => {
        const { verdict, recovery } = await observe(run, directed(scenario), 1);
        const found = verdict.findings.map((finding) => finding.problem);
        const { accepted, unknown, recovered, wireDuplicates } = verdict.counts;
        record({
          ...{ row: setting.row, seed: 1, accepted, unknown, recovered, wireDuplicates },
          recovery: Number.isFinite(recovery) ? recovery : -1,
          verdict: `caught: ${[...new Set(found)].join(', ')}`,
        });
        expect(found).toContain(problem);
      });
    },
    120_000,
  );
});
