import type { Bench } from '../bench';
import type { Peer, RunningPeer } from '../peers/peer';
import type { Row, Scenario } from './scenario';

/** Connections, and messages a second of the paced run: 10 000 deliveries a second in both cases. */
const SIZES = [
  { connections: 1000, rate: 10, seconds: 10 },
  { connections: 5000, rate: 2, seconds: 10 },
] as const;
const WARM_UP = 20;
/** Deliveries at least of what the length of the run is estimated from. */
const TRIAL = 200_000;
/** s that the saturated run is meant to take. */
const LENGTH = 2;

/** S1: everything to everybody. */
export function broadcast(peers: readonly Peer[]): Scenario {
  return {
    section: 'S1',
    title: 'Broadcast to all connections',
    unit: 'deliveries/s',
    base: 'bare ws',
    peers,
    async run(bench, peer) {
      const rows: Row[] = [];
      for (const { connections, rate, seconds } of SIZES) {
        const running = await peer.start();
        try {
          await bench.connect(running, connections, 'broadcast');
          const load = { purpose: 'broadcast', connections, rate: 0 } as const;
          await bench.deliver(running, { ...load, count: WARM_UP });
          const count = await countFor(bench, running, connections);
          const saturated = await bench.deliver(running, { ...load, count });
          rows.push({ scenario: `${String(connections)}, saturated`, ...saturated });
          const paced = await bench.deliver(running, { ...load, rate, count: rate * seconds });
          rows.push({ scenario: `${String(connections)}, ${String(rate)}/s`, ...paced });
        } finally {
          await bench.disconnect();
          await running.stop();
        }
      }
      return rows;
    },
  };
}

/** How many messages keep this peer busy for as long as is wanted. */
async function countFor(bench: Bench, peer: RunningPeer, connections: number): Promise<number> {
  const count = TRIAL / connections;
  const trial = await bench.deliver(peer, { purpose: 'broadcast', connections, rate: 0, count });
  return Math.max(count, Math.ceil(((trial.rate ?? 0) * LENGTH) / connections));
}
