import type { Peer } from '../peers/peer';
import type { Row, Scenario } from './scenario';

const USERS = 1000;
const WARM_UP = 20_000;
const SATURATED = 100_000;
const RATES = [2000, 8000] as const;
/** s of each paced run. */
const LENGTH = 10;

/** S2: each message published over AMQP and durable before it goes to one of the connected users. */
export function unicast(peers: readonly Peer[]): Scenario {
  return {
    section: 'S2',
    title: `Unicast through the broker, to ${String(USERS)} connected users`,
    unit: 'messages/s',
    base: 'ws + amqplib',
    peers,
    async run(bench, peer) {
      const running = await peer.start();
      try {
        await bench.connect(running, USERS, 'users');
        const load = { purpose: 'users', connections: USERS, rate: 0 } as const;
        await bench.deliver(running, { ...load, count: WARM_UP });
        const saturated = await bench.deliver(running, { ...load, count: SATURATED });
        const rows: Row[] = [{ scenario: 'saturated', ...saturated }];
        for (const rate of RATES) {
          const paced = await bench.deliver(running, { ...load, rate, count: rate * LENGTH });
          rows.push({ scenario: `${String(rate)}/s`, ...paced });
        }
        return rows;
      } finally {
        await bench.disconnect();
        await running.stop();
      }
    },
  };
}
