import type { Wirepost } from '../peers/wirepost';
import { push, USERS, WARM_UP, type Way } from './rest';
import type { Row, Scenario } from './scenario';

const ONE: Pick<Way, 'batch' | 'connections'> = { batch: 0, connections: 512 };
const WAYS: readonly Way[] = [
  { ...ONE, name: '2000/s', count: 8000, rate: 2000 },
  { ...ONE, name: '6000/s', count: 24_000, rate: 6000 },
  { ...ONE, name: 'saturated', count: 40_000, rate: 0 },
];

/** GROUP: what it does that pushes which come together share an entry of the log; the base logs each by itself. */
export function groupCommit(base: Wirepost, peer: Wirepost): Scenario<Wirepost> {
  return {
    section: 'GROUP',
    title: `Group commit: one push a request, to ${String(USERS)} connected users`,
    unit: 'messages/s',
    base: base.name,
    peers: [base, peer],
    async run(bench, one) {
      const running = await one.start();
      try {
        await bench.connect(running, USERS, 'users');
        await push(bench, running, WARM_UP);
        const rows: Row[] = [];
        for (const way of WAYS) {
          const before = await running.metric('wirepost_log_offset');
          const row = await push(bench, running, way);
          const entries =
            Math.floor(await running.metric('wirepost_log_offset')) - Math.floor(before);
          rows.push({ ...row, extra: { ...row.extra, 'messages an entry': way.count / entries } });
        }
        return rows;
      } finally {
        await bench.disconnect();
        await running.stop();
      }
    },
  };
}
