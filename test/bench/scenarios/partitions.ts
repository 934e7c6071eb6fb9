import type { Bench, Delivered, Load } from '../bench';
import type { RunningWirepost, Wirepost } from '../peers/wirepost';
import type { Row, Scenario } from './scenario';

/** The peer that ratios are taken to: as many processes, on a log without partitions. */
export const ONE_LOG = 'one log, 4 nodes';

const USERS = 1000;
const WARM_UP = 20_000;
const SATURATED = 60_000;
const RATE = 4000;
/** s of the paced run. */
const LENGTH = 3;
const UNICAST = { purpose: 'users', connections: USERS, rate: 0 } as const;
const PUSHES = { count: 60_000, batch: 100, connections: 8 } as const;
const BROADCAST = { purpose: 'broadcast', connections: USERS, rate: 0, count: 3000 } as const;

/**
 * PARTITIONS: the same users at as many processes, with one log that each of them reads and with one for each half. All
 * figures are for messages, not for deliveries.
 */
export function partitions(peers: readonly Wirepost[]): Scenario<Wirepost> {
  return {
    section: 'PARTITIONS',
    title: `Partitions of the log, ${String(USERS)} users connected evenly to all nodes`,
    unit: 'messages/s',
    base: ONE_LOG,
    peers,
    async run(bench, peer) {
      const running = await peer.start();
      try {
        await bench.connect(running, USERS, 'users');
        await bench.deliver(running, { ...UNICAST, count: WARM_UP });
        const rows: Row[] = [];
        for (const { scenario, measure } of WORKLOADS.filter((one) => isFor(one, peer)))
          rows.push(rowOf(peer, scenario, await measure(bench, running)));
        return rows;
      } finally {
        await bench.disconnect();
        await running.stop();
      }
    },
  };
}

interface Workload {
  readonly scenario: string;
  /** True: it is the same as another one where there is one log. */
  readonly onlyPartitioned?: boolean;
  readonly measure: (bench: Bench, running: RunningWirepost) => Promise<Delivered>;
}

const WORKLOADS: readonly Workload[] = [
  {
    scenario: 'unicast',
    measure: (bench, running) => bench.deliver(running, { ...UNICAST, count: SATURATED }),
  },
  {
    scenario: 'unicast, partition not named',
    onlyPartitioned: true,
    measure: (bench, running) =>
      bench.deliver(running, { ...UNICAST, count: SATURATED }, running.unplacedFeed('users')),
  },
  {
    scenario: `unicast, ${String(RATE)}/s`,
    measure: (bench, running) =>
      bench.deliver(running, { ...UNICAST, rate: RATE, count: RATE * LENGTH }),
  },
  { scenario: `unicast by REST, ${String(PUSHES.batch)} a request`, measure: push },
  { scenario: `broadcast to ${String(USERS)}`, measure: broadcast },
];

function isFor({ onlyPartitioned = false }: Workload, { partitions }: Wirepost): boolean {
  return partitions > 1 || !onlyPartitioned;
}

/** Batches at all nodes, which place each message themselves. */
function push(bench: Bench, running: RunningWirepost): Promise<Delivered> {
  const { count, batch, connections } = PUSHES;
  const load: Load = { ...UNICAST, count };
  return bench.arrive(running, load, () =>
    bench.sender.call('pushHttp', {
      ports: running.ports,
      path: '/websocket/push/batch',
      key: running.key,
      body: running.body('users'),
      users: USERS,
      connections,
      batch,
      count,
      rate: 0,
      window: 0,
    }),
  );
}

/** For each message instead of each delivery. */
async function broadcast(bench: Bench, running: RunningWirepost): Promise<Delivered> {
  const delivered = await bench.deliver(running, BROADCAST);
  const { rate, serverCpu, brokerCpu } = delivered;
  return {
    ...delivered,
    ...(rate !== undefined && { rate: rate / USERS }),
    ...(serverCpu !== undefined && { serverCpu: serverCpu * USERS }),
    ...(brokerCpu !== undefined && { brokerCpu: brokerCpu * USERS }),
  };
}

function rowOf({ nodes }: Wirepost, scenario: string, delivered: Delivered): Row {
  const { serverCpu = NaN, brokerCpu = NaN } = delivered;
  return {
    scenario,
    ...delivered,
    extra: {
      'CPU s/100 k, one node': serverCpu / nodes,
      'CPU s/100 k, nodes and broker': serverCpu + brokerCpu,
    },
  };
}
