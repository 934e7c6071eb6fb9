import type { Bench, Load } from '../bench';
import type { RunningWirepost, Wirepost } from '../peers/wirepost';
import type { Published } from '../generator/commands';
import type { Row, Scenario } from './scenario';

export const USERS = 1000;
/** What the service would do with a processor of its own, since here it shares two with everybody else. */
const A_CORE = 'messages/s, a core for the service alone';

/** How pushes are sent. */
export interface Way {
  readonly name: string;
  /** Bodies in one request; 0 = one that is no list. */
  readonly batch: number;
  readonly connections: number;
  readonly count: number;
  readonly rate: number;
}

export const WARM_UP: Way = { name: 'warm-up', batch: 0, connections: 64, count: 30_000, rate: 0 };
const WAYS: readonly Way[] = [
  { name: 'one a request', batch: 0, connections: 64, count: 60_000, rate: 0 },
  { name: 'one a request, 2000/s', batch: 0, connections: 256, count: 8000, rate: 2000 },
  { name: '100 a request', batch: 100, connections: 8, count: 200_000, rate: 0 },
  { name: '1000 a request', batch: 1000, connections: 4, count: 300_000, rate: 0 },
];

/** Pushes by REST to connected users; the rate is of what arrived, and beside it stands what was accepted. */
export function rest(peers: readonly Wirepost[]): Scenario<Wirepost> {
  return {
    section: 'REST',
    title: `Push by REST, to ${String(USERS)} connected users`,
    unit: 'messages/s',
    base: '',
    peers,
    async run(bench, peer) {
      const running = await peer.start();
      try {
        await bench.connect(running, USERS, 'users');
        await push(bench, running, WARM_UP);
        const rows: Row[] = [];
        for (const way of WAYS) rows.push(await push(bench, running, way));
        return rows;
      } finally {
        await bench.disconnect();
        await running.stop();
      }
    },
  };
}

/** Pushes to the connected users and waits for all of it to arrive. */
export async function push(bench: Bench, peer: RunningWirepost, way: Way): Promise<Row> {
  const { count, rate, batch, connections } = way;
  const load: Load = { purpose: 'users', connections: USERS, count, rate };
  let published: Published | undefined;
  const delivered = await bench.arrive(peer, load, async () => {
    published = await bench.sender.call('pushHttp', {
      ports: [peer.port],
      path: batch === 0 ? '/websocket/push' : '/websocket/push/batch',
      key: peer.key,
      body: peer.body('users'),
      users: USERS,
      connections,
      batch,
      count,
      rate,
      window: 0,
    });
    return published;
  });
  const { confirmed = 0, seconds = NaN, spread } = published ?? {};
  return {
    scenario: way.name,
    ...delivered,
    extra: {
      'accepted/s': Math.round(confirmed / seconds),
      // At a rate much of the time is spent on waking up, which says nothing about what a core could do.
      ...(rate === 0 && { [A_CORE]: Math.round(1e5 / (delivered.serverCpu ?? NaN)) }),
      ...(spread !== undefined && {
        'answer p50 ms': spread.p50 / 1000,
        'answer p99 ms': spread.p99 / 1000,
      }),
    },
  };
}
