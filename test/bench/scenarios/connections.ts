import { setTimeout as wait } from 'node:timers/promises';

import type { Bench } from '../bench';
import { cpuSeconds, residentKib } from '../machine';
import { Meter, sum } from '../measurement';
import type { Peer, RunningPeer } from '../peers/peer';
import type { Row, Scenario } from './scenario';

/** As many as one process may hold here with file descriptors to spare. */
const CONNECTIONS = 10_000;
/** ms after which memory has settled. */
const SETTLE = 4000;
/** ms over which idle connections are watched. */
const IDLE = 5000;

/** S4: how fast connections open, and what they cost while nothing happens. */
export function connections(peers: readonly Peer[]): Scenario {
  return {
    section: 'S4',
    title: `Opening ${String(CONNECTIONS)} connections, and keeping them`,
    unit: 'connects/s',
    base: 'bare ws',
    peers,
    async run(bench, peer) {
      const running = await peer.start();
      try {
        await wait(SETTLE);
        const before = sum(bench.processes(running).server, residentKib);
        const first = await open(bench, running);
        const kept = await keep(bench, running, before);
        await bench.disconnect();
        await wait(SETTLE);
        const again = await open(bench, running);
        return [
          { scenario: 'a process just started', ...first, ...kept },
          { scenario: 'the same process, once more', ...again, problems: [] },
        ];
      } finally {
        await bench.disconnect();
        await running.stop();
      }
    },
  };
}

async function open(
  bench: Bench,
  running: RunningPeer,
): Promise<Omit<Row, 'scenario' | 'problems'>> {
  const meter = new Meter(bench.processes(running));
  const seconds = await bench.connect(running, CONNECTIONS, 'idle');
  return { ...meter.stop(CONNECTIONS), rate: CONNECTIONS / seconds };
}

/** What the open connections cost; `before` is the size of all processes without them in KiB. */
async function keep(
  bench: Bench,
  running: RunningPeer,
  before: number,
): Promise<Pick<Row, 'residentMib' | 'extra' | 'problems'>> {
  await wait(SETTLE);
  const { server } = bench.processes(running);
  const after = sum(server, residentKib);
  const busy = sum(server, cpuSeconds);
  await bench.receiver.call('begin', { latency: false });
  await wait(IDLE);
  const idle = (sum(server, cpuSeconds) - busy) / (IDLE / 1000);
  const { closed } = await bench.receiver.call('collect', { expected: 0, quiet: 0, linger: 0 });
  return {
    residentMib: after / 1024,
    extra: {
      'RSS KiB/connection': (after - before) / CONNECTIONS,
      'idle % of a core': idle * 100,
    },
    problems: closed > 0 ? [`${String(closed)} connections closed`] : [],
  };
}
