import { RabbitMqNode } from '../support/rabbitmq-node';
import type { BrokenBuild } from './broken-builds';
import { buildGateway } from './build';
import { directed, observe, onSystem } from './fault-run';
import { record } from './results';

/** A test for each build: it must be caught, by its name. */
export function eachIsCaught(builds: (broker: RabbitMqNode) => readonly BrokenBuild[]): void {
  let broker: RabbitMqNode;
  beforeAll(async () => {
    broker = await RabbitMqNode.start();
  }, 120_000);
  afterAll(() => broker.stop(), 60_000);

  // The names must be known before there is a broker.
  const names = builds(undefined as unknown as RabbitMqNode).map(({ name, problem }) => [
    name,
    problem,
  ]);
  it.each(names)(
    '%s is caught: %s',
    async (name) => {
      const build = builds(broker).find((one) => one.name === name);
      if (build === undefined) throw new Error(`there is no build that ${name}`);
      await caught(broker, build);
    },
    120_000,
  );
}

async function caught(
  broker: RabbitMqNode,
  { name, scenario, patches, problem }: BrokenBuild,
): Promise<void> {
  const setting = { row: `broken: ${name}`, seed: 1, broker, main: buildGateway(patches) };
  await onSystem({ ...setting, ...scenario }, async (run) => {
    const { verdict, recovery } = await observe(run, directed(scenario), 1);
    const found = verdict.findings.map((finding) => finding.problem);
    const { accepted, unknown, recovered, wireDuplicates } = verdict.counts;
    record({
      ...{ row: setting.row, seed: 1, accepted, unknown, recovered, wireDuplicates },
      recovery: Number.isFinite(recovery) ? recovery : -1,
      verdict: `${found.includes(problem) ? 'caught' : 'MISSED'}: ${[...new Set(found)].join(', ')}`,
    });
    expect(found).toContain(problem);
  });
}
