import { setTimeout as wait } from 'node:timers/promises';

import { cpuSeconds, residentKib } from '../machine';
import { Meter } from '../measurement';
import type { Peer } from '../peers/peer';
import type { Scenario } from './scenario';

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
        const before = residentKib(running.serverPid);
        const meter = new Meter(bench.processes(running));
        const seconds = await bench.connect(running, CONNECTIONS, 'idle');
        const used = meter.stop(CONNECTIONS);
        await wait(SETTLE);
        const after = residentKib(running.serverPid);
        const busy = cpuSeconds(running.serverPid);
        await bench.receiver.call('begin', { latency: false });
        await wait(IDLE);
        const idle = (cpuSeconds(running.serverPid) - busy) / (IDLE / 1000);
        const { closed } = await bench.receiver.call('collect', {
          expected: 0,
          quiet: 0,
          linger: 0,
        });
        return [
          {
            scenario: `${String(CONNECTIONS)} connections`,
            ...used,
            residentMib: after / 1024,
            rate: CONNECTIONS / seconds,
            extra: {
              'RSS KiB/connection': (after - before) / CONNECTIONS,
              'idle % of a core': idle * 100,
            },
            problems: closed > 0 ? [`${String(closed)} connections closed`] : [],
          },
        ];
      } finally {
        await bench.disconnect();
        await running.stop();
      }
    },
  };
}
