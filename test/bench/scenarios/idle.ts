import { setTimeout as wait } from 'node:timers/promises';

import type { Bench } from '../bench';
import { childrenOf, cpuSeconds, raiseOpenFiles, residentKib } from '../machine';
import { Meter } from '../measurement';
import type { RunningWirepost, Wirepost } from '../peers/wirepost';
import type { Scenario } from './scenario';

const CONNECTIONS = 100_000;
const WORKERS = 2;
/** Handshakes of each generator on their way at a time. */
const IN_FLIGHT = 128;
/** Open files of each process: its connections and some to spare. */
const OPEN_FILES = CONNECTIONS + 10_000;
/** ms after which memory has settled. */
const SETTLE = 5000;
/** ms over which processor time is taken, without connections and with all of them. */
const EMPTY = 10_000;
const IDLE = 60_000;

/** S4BIG: as many connections as one machine is wanted to hold, opened by two generators and then left alone. */
export function idle(peers: readonly Wirepost[]): Scenario<Wirepost> {
  return {
    section: 'S4BIG',
    title: `${String(CONNECTIONS)} connections at ${String(WORKERS)} workers, then ${String(IDLE / 1000)} s of heartbeats`,
    unit: 'connects/s',
    base: '',
    peers,
    async run(bench, peer) {
      raiseOpenFiles([process.pid, bench.receiver.pid, bench.sender.pid], OPEN_FILES);
      const running = await peer.start({ WORKERS: String(WORKERS) });
      try {
        await wait(SETTLE);
        const primary = running.serverPid;
        const workers = childrenOf(primary);
        const all = [primary, ...workers];
        const empty = await coreShare(all, EMPTY);
        const before = workers.map(residentKib);
        const meter = new Meter({ ...bench.processes(running), server: all });
        const opened = await open(bench, running);
        const used = meter.stop(opened.count);
        await wait(SETTLE);
        const grown = workers.map((pid, i) => residentKib(pid) - (before[i] ?? 0));
        const beating = await coreShare(all, IDLE);
        const closed = await closedAt(bench);
        return [
          {
            scenario: `${String(opened.count)} connections`,
            ...used,
            rate: opened.count / opened.seconds,
            extra: {
              'KiB/connection at the workers':
                grown.reduce((sum, one) => sum + one, 0) / opened.count,
              ...Object.fromEntries(
                workers.map((pid, i) => [`worker ${String(i + 1)} MiB`, residentKib(pid) / 1024]),
              ),
              'primary MiB': residentKib(primary) / 1024,
              '% of a core, no connections': empty * 100,
              '% of a core, heartbeats': beating * 100,
            },
            problems: [...opened.problems, ...closed],
          },
        ];
      } finally {
        await Promise.all([bench.receiver.call('close'), bench.sender.call('close')]);
        await running.stop();
      }
    },
  };
}

async function open(
  bench: Bench,
  running: RunningWirepost,
): Promise<{ count: number; seconds: number; problems: readonly string[] }> {
  const plan = await running.connections(CONNECTIONS, 'idle');
  const generators = [bench.receiver, bench.sender];
  const opened = await Promise.all(
    generators.map((generator, i) =>
      generator.call('open', {
        ...plan,
        paths: plan.paths.filter((_, n) => n % generators.length === i),
        inFlight: IN_FLIGHT,
      }),
    ),
  );
  const count = opened.reduce((sum, one) => sum + one.open, 0);
  const [problem] = opened.map((one) => one.problem).filter((text) => text !== '');
  return {
    count,
    seconds: Math.max(...opened.map((one) => one.seconds)),
    problems: problem === undefined ? [] : [problem],
  };
}

/** Cores that processes use while `ms` pass. */
async function coreShare(pids: readonly number[], ms: number): Promise<number> {
  const used = (): number => pids.reduce((sum, pid) => sum + cpuSeconds(pid), 0);
  const before = used();
  const since = performance.now();
  await wait(ms);
  return (used() - before) / ((performance.now() - since) / 1000);
}

async function closedAt({ receiver, sender }: Bench): Promise<readonly string[]> {
  const nothing = { expected: 0, quiet: 0, linger: 0 };
  const collected = await Promise.all([
    receiver.call('collect', nothing),
    sender.call('collect', nothing),
  ]);
  const closed = collected.reduce((sum, one) => sum + one.closed, 0);
  return closed > 0 ? [`${String(closed)} connections closed`] : [];
}
