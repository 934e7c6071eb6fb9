import { Bench } from './bench';
import { Broker } from './broker';
import { ceiling } from './ceiling';
import { describeMachine } from './machine';
import type { Measurement } from './measurement';
import { longRun } from './long-run';
import { measureCosts } from './costs';
import { type Options, readOptions, USAGE } from './options';
import { bareWs } from './peers/bare-ws';
import { handwrittenGateway } from './peers/handwritten-gateway';
import type { Peer } from './peers/peer';
import { socketIo } from './peers/socket-io';
import { wirepost } from './peers/wirepost';
import { costTableOf, lineOf, tableOf, writeSection } from './report';
import { broadcast } from './scenarios/broadcast';
import { connections } from './scenarios/connections';
import { groupCommit } from './scenarios/group-commit';
import { idle } from './scenarios/idle';
import { nodes } from './scenarios/nodes';
import { ONE_LOG, partitions } from './scenarios/partitions';
import { rest } from './scenarios/rest';
import { resume } from './scenarios/resume';
import type { Scenario } from './scenarios/scenario';
import { unicast } from './scenarios/unicast';
import { upstream } from './scenarios/upstream';
import { variantOf } from './variant';

const FILE = 'docs/performance.md';
/** Sections that need more of the machine than it is asked for without a word. */
const WHEN_NAMED = ['S4BIG'];

const ONE_MESSAGE_AN_ENTRY = {
  file: 'infrastructure/rabbitmq/rabbitmq-log-writer.js',
  find: 'MAX_MESSAGES = 500;',
  replace: 'MAX_MESSAGES = 1;',
};

type Section = readonly [name: string, measure: (bench: Bench) => Promise<string>];

async function main(options: Options): Promise<void> {
  const broker = await Broker.start();
  const bench = new Bench(broker);
  // The broker runs in a group of its own and would outlive a bench that is interrupted.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      void broker.node.stop().finally(() => process.exit(1));
    });
  }
  try {
    const facts = await factsOf(broker);
    for (const [name, run] of chosen(sectionsOf(broker, options), options.only)) {
      const text = `${await run(bench)}\n${facts}\n`;
      say(`\n${text}`);
      if (options.write) writeSection(FILE, name, text);
    }
  } finally {
    bench.stop();
    await broker.stop();
  }
}

/** What stands under every table. */
async function factsOf(broker: Broker): Promise<string> {
  const { rate, perCpuSecond } = await ceiling();
  const most = `the generator counts ${millions(perCpuSecond)} frames in a second of its own processor time (${millions(rate)}/s were sent to it)`;
  say(most);
  const day = new Date().toISOString().slice(0, 10);
  return `${day}, ${describeMachine()}, RabbitMQ ${broker.version}; ${most}.`;
}

function sectionsOf(broker: Broker, { rounds, minutes }: Options): readonly Section[] {
  const gateway = handwrittenGateway(broker);
  const product = wirepost(broker);
  const workers = wirepost(broker, { name: 'Wirepost, 2 workers', workers: 2 });
  const plain = wirepost(broker, { name: 'Wirepost, no subprotocol', plain: true });
  const singleUse = wirepost(broker, { name: 'Wirepost, single-use tokens', singleUse: true });
  const layouts = [
    wirepost(broker, { name: 'one log, 2 nodes', nodes: 2 }),
    wirepost(broker, { name: ONE_LOG, nodes: 4 }),
    wirepost(broker, { name: '2 partitions × 2 nodes', partitions: 2, nodes: 2 }),
  ];
  const ungrouped = wirepost(broker, {
    name: 'Wirepost, one message an entry',
    program: () => variantOf(ONE_MESSAGE_AN_ENTRY),
  });
  if (minutes > 0) return [['FLAT', (bench) => longRun(bench, product, minutes, say)]];
  return [
    compared(broadcast([bareWs, gateway, socketIo, product, workers]), rounds),
    compared(unicast([gateway, product]), rounds),
    compared(upstream([bareWs, gateway, socketIo, product]), rounds),
    compared(connections([bareWs, gateway, socketIo, product, plain, workers, singleUse]), rounds),
    compared(idle([product]), rounds),
    compared(rest([product]), rounds),
    compared(groupCommit(ungrouped, product), rounds),
    compared(resume([product]), rounds),
    compared(nodes([product]), rounds),
    compared(partitions(layouts), rounds),
    ['COSTS', async () => costTableOf(await measureCosts())],
  ];
}

function compared<P extends Peer>(scenario: Scenario<P>, rounds: number): Section {
  return [
    scenario.section,
    async (bench) => {
      const table = tableOf(scenario, await measure(bench, scenario, rounds));
      return `${table}\nMedians of ${String(rounds)} rounds.`;
    },
  ];
}

function chosen(all: readonly Section[], only: readonly string[]): readonly Section[] {
  const unknown = only.find((name) => !all.some(([section]) => section === name));
  if (unknown !== undefined) throw new Error(`there is no section ${unknown}`);
  return all.filter(([name]) =>
    only.length === 0 ? !WHEN_NAMED.includes(name) : only.includes(name),
  );
}

/** Every peer once in every round, so that what changes on the machine meanwhile concerns all of them. */
async function measure<P extends Peer>(
  bench: Bench,
  scenario: Scenario<P>,
  rounds: number,
): Promise<readonly Measurement[]> {
  const all: Measurement[] = [];
  for (let round = 0; round < rounds; round += 1) {
    for (const peer of scenario.peers) {
      await bench.calm();
      for (const row of await scenario.run(bench, peer)) {
        const measurement = { section: scenario.section, peer: peer.name, ...row };
        say(lineOf(measurement));
        all.push(measurement);
      }
    }
  }
  return all;
}

function millions(count: number): string {
  return `${(count / 1e6).toFixed(1)} M`;
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function begin(): Promise<void> {
  try {
    return main(readOptions(process.argv.slice(2)));
  } catch (error) {
    process.stderr.write(USAGE);
    throw error;
  }
}

begin().then(
  () => process.exit(0),
  (error: unknown) => {
    process.stderr.write(`${String(error)}\n`);
    process.exit(1);
  },
);
