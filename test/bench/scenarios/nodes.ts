import type { Bench, Delivered, Load } from '../bench';
import { cpuSeconds } from '../machine';
import type { RunningWirepost, Wirepost } from '../peers/wirepost';
import { push, type Way } from './rest';
import type { Row, Scenario } from './scenario';

const USERS = 1000;
const NODES = [1, 2, 4] as const;
const RATE = 4000;
const PACED: Load = { purpose: 'users', connections: USERS, count: RATE * 5, rate: RATE };
const SATURATED: Load = { ...PACED, count: 60_000, rate: 0 };
const PUSHED: Way = { name: 'by REST', batch: 100, connections: 8, count: 200_000, rate: 0 };
/** What is sent, and how: by a backend over AMQP, an entry of the log each, or pushed at the first node, which logs many as one. */
const LOADS: readonly Sent[] = [
  {
    name: `over AMQP, ${String(RATE)}/s`,
    count: PACED.count,
    send: (bench, running) => bench.deliver(running, PACED),
  },
  {
    name: 'over AMQP, saturated',
    count: SATURATED.count,
    send: (bench, running) => bench.deliver(running, SATURATED),
  },
  {
    name: 'by REST, 100 a request, saturated',
    count: PUSHED.count,
    send: (bench, running) => push(bench, running, PUSHED),
  },
];

interface Sent {
  readonly name: string;
  readonly count: number;
  readonly send: (bench: Bench, running: RunningWirepost) => Promise<Delivered>;
}

/** NODES: every node reads the whole log; what that costs one that has no recipient, and all of them together. */
export function nodes(peers: readonly Wirepost[]): Scenario<Wirepost> {
  return {
    section: 'NODES',
    title: 'Nodes on one log, all users at the first',
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
          for (const load of LOADS) rows.push(await measure(bench, running, idle, load));
        }
        return rows;
      } finally {
        await bench.disconnect();
        await running.stop();
      }
    },
  };
}

async function measure(
  bench: Bench,
  running: RunningWirepost,
  idle: readonly number[],
  { name, count, send }: Sent,
): Promise<Row> {
  const before = idle.map(cpuSeconds);
  const delivered = await send(bench, running);
  const spent = idle.map((pid, i) => cpuSeconds(pid) - (before[i] ?? 0));
  const total = spent.reduce((sum, one) => sum + one, 0);
  const ofAll = total + ((delivered.serverCpu ?? 0) + (delivered.brokerCpu ?? 0)) * (count / 1e5);
  return {
    ...delivered,
    scenario: `${String(idle.length + 1)} nodes, ${name}`,
    extra: {
      ...(idle.length > 0 && { 'µs/message at an idle node': (total / idle.length / count) * 1e6 }),
      'µs/message of all and the broker': (ofAll / count) * 1e6,
    },
  };
}
