import type { Bench } from '../bench';
import { cpuSeconds } from '../machine';
import type { RunningWirepost, Wirepost } from '../peers/wirepost';
import type { Row, Scenario } from './scenario';

const USERS = 1000;
const NODES = [1, 2, 4] as const;
const RATE = 4000;
const LOADS = [
  { suffix: `, ${String(RATE)}/s`, rate: RATE, count: RATE * 5 },
  { suffix: ', saturated', rate: 0, count: 60_000 },
] as const;

/** NODES: every node reads the whole log; what that costs one that has no recipient, and all of them together. */
export function nodes(peers: readonly Wirepost[]): Scenario<Wirepost> {
  return {
    section: 'NODES',
    title: 'Nodes on one log, messages over AMQP, all users at the first',
    unit: 'messages/s',
    base: '',
    peers,
    async run(bench, peer) {
      const running = await peer.start();
      const idle: number[] = [];
      try {
        const rows: Row[] = [];
        await bench.connect(running, USERS, 'users');
        for (const count of NODES) {
          while (idle.length < count - 1) idle.push(await running.another());
          for (const load of LOADS) rows.push(await deliver(bench, running, idle, load));
        }
        return rows;
      } finally {
        await bench.disconnect();
        await running.stop();
      }
    },
  };
}

async function deliver(
  bench: Bench,
  running: RunningWirepost,
  idle: readonly number[],
  { suffix, rate, count }: (typeof LOADS)[number],
): Promise<Row> {
  const before = idle.map(cpuSeconds);
  const delivered = await bench.deliver(running, {
    purpose: 'users',
    connections: USERS,
    count,
    rate,
  });
  const spent = idle.map((pid, i) => cpuSeconds(pid) - (before[i] ?? 0));
  const total = spent.reduce((sum, one) => sum + one, 0);
  const ofAll = total + ((delivered.serverCpu ?? 0) + (delivered.brokerCpu ?? 0)) * (count / 1e5);
  return {
    scenario: `${String(idle.length + 1)} nodes${suffix}`,
    ...delivered,
    extra: {
      ...(idle.length > 0 && { 'µs/message at an idle node': (total / idle.length / count) * 1e6 }),
      'µs/message of all and the broker': (ofAll / count) * 1e6,
    },
  };
}
