import { setTimeout as wait } from 'node:timers/promises';

import type { Bench } from '../bench';
import type { OpenPlan } from '../generator/commands';
import { GeneratorProcess } from '../generator/generator-process';
import { cpuSeconds, openFilesLimit, residentKib } from '../machine';
import { Meter } from '../measurement';
import type { Wirepost } from '../peers/wirepost';
import type { Row, Scenario } from './scenario';

const CONNECTIONS = 100_000;
const WORKERS = 2;
/** Handshakes on their way at a time, of all generators together. */
const IN_FLIGHT = 256;
/** Open files that each process keeps for something else than connections. */
const SPARE = 1000;
/** ms after which memory has settled. */
const SETTLE = 4000;
/** ms over which processor time is taken, without connections and with all of them: each is pinged once meanwhile. */
const EMPTY = 10_000;
const IDLE = 50_000;
/** ms of heartbeats before: in its first thousands of pings a worker still compiles what it does (measured). */
const WARM_UP = 100_000;

/**
 * S4BIG: as many connections as one machine is wanted to hold, opened by several generators and then left alone. Where
 * two workers may not open that many files, what fits into two, and all of them at as many workers as it takes.
 */
export function idle(peers: readonly Wirepost[]): Scenario<Wirepost> {
  return {
    section: 'S4BIG',
    title: `${String(CONNECTIONS)} connections at workers, then ${String(IDLE / 1000)} s of heartbeats`,
    unit: 'connects/s',
    base: '',
    peers,
    async run(bench, peer) {
      const each = openFilesLimit() - SPARE;
      const workers = Math.max(WORKERS, Math.ceil(CONNECTIONS / each));
      const rows: Row[] = [];
      if (workers > WORKERS) rows.push(await hold(bench, peer, WORKERS, WORKERS * each));
      rows.push(await hold(bench, peer, workers, CONNECTIONS));
      return rows;
    },
  };
}

async function hold(
  bench: Bench,
  peer: Wirepost,
  workerCount: number,
  connections: number,
): Promise<Row> {
  const running = await peer.start({ workers: workerCount });
  const generators = Array.from({ length: workerCount }, () => new GeneratorProcess());
  try {
    const primary = running.serverPid;
    const workers = running.otherPids ?? [];
    const all = [primary, ...workers];
    const empty = await coreShare(all, EMPTY);
    const before = workers.map(residentKib);
    const plan = await running.connections(connections, 'idle');
    const load = generators.map(({ pid }) => pid);
    const meter = new Meter({ ...bench.processes(running), server: all, load });
    const opened = await open(generators, plan);
    const used = meter.stop(opened.count);
    await wait(SETTLE);
    const after = workers.map(residentKib);
    const primaryKib = residentKib(primary);
    await wait(WARM_UP);
    const beating = await coreShare(all, IDLE);
    const grown = sum(after) - sum(before);
    return {
      scenario: `${String(opened.count)} at ${String(workerCount)} workers`,
      ...used,
      rate: opened.count / opened.seconds,
      extra: {
        'KiB/connection at the workers': grown / opened.count,
        'smallest worker MiB': Math.min(...after) / 1024,
        'largest worker MiB': Math.max(...after) / 1024,
        'primary MiB': primaryKib / 1024,
        '% of a core, no connections': empty * 100,
        '% of a core, heartbeats': beating * 100,
      },
      problems: [...opened.problems, ...(await closedAt(generators))],
    };
  } finally {
    for (const generator of generators) generator.stop();
    await running.stop();
  }
}

async function open(
  generators: readonly GeneratorProcess[],
  plan: Omit<OpenPlan, 'inFlight'>,
): Promise<{ count: number; seconds: number; problems: readonly string[] }> {
  const opened = await Promise.all(
    generators.map((generator, i) =>
      generator.call('open', {
        ...plan,
        paths: plan.paths.filter((_, n) => n % generators.length === i),
        inFlight: Math.ceil(IN_FLIGHT / generators.length),
      }),
    ),
  );
  const [problem] = opened.map((one) => one.problem).filter((text) => text !== '');
  return {
    count: sum(opened.map((one) => one.open)),
    seconds: Math.max(...opened.map((one) => one.seconds)),
    problems: problem === undefined ? [] : [problem],
  };
}

/** Cores that processes use while `ms` pass. */
async function coreShare(pids: readonly number[], ms: number): Promise<number> {
  const before = sum(pids.map(cpuSeconds));
  const since = performance.now();
  await wait(ms);
  return (sum(pids.map(cpuSeconds)) - before) / ((performance.now() - since) / 1000);
}

async function closedAt(generators: readonly GeneratorProcess[]): Promise<readonly string[]> {
  const nothing = { expected: 0, quiet: 0, linger: 0 };
  const collected = await Promise.all(generators.map((one) => one.call('collect', nothing)));
  const closed = sum(collected.map((one) => one.closed));
  return closed > 0 ? [`${String(closed)} connections closed`] : [];
}

function sum(values: readonly number[]): number {
  return values.reduce((total, one) => total + one, 0);
}
