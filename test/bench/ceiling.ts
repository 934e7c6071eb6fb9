import { join } from 'node:path';

import { freePort } from '../support/rabbitmq-node';
import { GeneratorProcess } from './generator/generator-process';
import { cpuSeconds } from './machine';
import { listening, ServerProcess } from './processes';

const CONNECTIONS = 1000;
const FRAMES = 8000;
/** Bytes, about those of a message with its envelope. */
const PAYLOAD = 520;
const IN_FLIGHT = 64;

/** What the generator counts when the frames cost whoever sends them next to nothing. */
export interface Ceiling {
  /** Frames a second, sent by one core and counted by another. */
  readonly rate: number;
  /** Frames for each second of the generator's own processor time. */
  readonly perCpuSecond: number;
}

/** Throws unless every frame was counted. */
export async function ceiling(): Promise<Ceiling> {
  const port = await freePort();
  const args = [join(__dirname, 'servers/blaster.js'), ...[port, FRAMES, PAYLOAD].map(String)];
  const blaster = await ServerProcess.start(args, {}, () => listening(port));
  const generator = new GeneratorProcess();
  try {
    const paths = new Array<string>(CONNECTIONS).fill('/');
    const target = {
      ports: [port],
      paths,
      protocol: '',
      greetings: 0,
      hello: '',
      inFlight: IN_FLIGHT,
    };
    await generator.call('open', target);
    await generator.call('begin', { latency: false });
    const before = cpuSeconds(generator.pid);
    const expected = CONNECTIONS * FRAMES;
    const collected = generator.call('collect', { expected, quiet: 3000, linger: 0 });
    await generator.call('trigger');
    const { received, firstAt, lastAt } = await collected;
    if (received !== expected)
      throw new Error(`the generator counted ${String(received)} of ${String(expected)} frames`);
    return {
      rate: received / ((lastAt - firstAt) / 1e6),
      perCpuSecond: received / (cpuSeconds(generator.pid) - before),
    };
  } finally {
    generator.stop();
    await blaster.stop();
  }
}
