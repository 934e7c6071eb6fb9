import { Bench } from './bench';
import { Broker } from './broker';
import { ceiling } from './ceiling';
import { describeMachine } from './machine';
import type { Measurement } from './measurement';
import { type Options, readOptions, USAGE } from './options';
import { bareWs } from './peers/bare-ws';
import { handwrittenGateway } from './peers/handwritten-gateway';
import { socketIo } from './peers/socket-io';
import { wirepost } from './peers/wirepost';
import { lineOf, tableOf, writeSection } from './report';
import { broadcast } from './scenarios/broadcast';
import type { Scenario } from './scenarios/scenario';
import { unicast } from './scenarios/unicast';
import { upstream } from './scenarios/upstream';

const FILE = 'docs/performance.md';

async function main(options: Options): Promise<void> {
  const most = await ceiling();
  const ceilingText = `generator's ceiling ${millions(most.perCpuSecond)} frames for a second of its own processor time (${millions(most.rate)}/s were sent to it)`;
  say(ceilingText);
  const broker = await Broker.start();
  const bench = new Bench(broker);
  try {
    const facts = `${new Date().toISOString().slice(0, 10)}, ${describeMachine()}, RabbitMQ ${broker.version}, ${ceilingText}, medians of ${String(options.rounds)}.`;
    for (const scenario of chosen(scenarios(broker), options.only)) {
      const text = `${tableOf(scenario, await measure(bench, scenario, options.rounds))}\n${facts}\n`;
      say(`\n${text}`);
      if (options.write) writeSection(FILE, scenario.section, text);
    }
  } finally {
    bench.stop();
    await broker.stop();
  }
}

function scenarios(broker: Broker): readonly Scenario[] {
  const gateway = handwrittenGateway(broker);
  const product = wirepost(broker);
  return [
    broadcast([bareWs, gateway, socketIo, product]),
    unicast([gateway, product]),
    upstream([bareWs, gateway, socketIo, product]),
  ];
}

function chosen(all: readonly Scenario[], only: readonly string[]): readonly Scenario[] {
  const unknown = only.find((name) => !all.some(({ section }) => section === name));
  if (unknown !== undefined) throw new Error(`there is no section ${unknown}`);
  return only.length === 0 ? all : all.filter(({ section }) => only.includes(section));
}

/** Every peer once in every round, so that what changes on the machine meanwhile concerns all of them. */
async function measure(
  bench: Bench,
  scenario: Scenario,
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
