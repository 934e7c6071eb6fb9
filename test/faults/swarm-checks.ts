import { eventually } from '../support/eventually';
import type { Swarm, SwarmReport } from '../support/swarm';

/** ms in which all of a swarm must be connected again, and have got everything. */
const SETTLED = 60_000;

/** ms in which a share of those that lost their connection was connected again. */
export function resumed({ lost, resumedAfter }: SwarmReport, share: number): number {
  return Math.round(resumedAfter[Math.ceil(lost * share) - 1] ?? Infinity);
}

/** Resolves when all that lost their connection are connected again. */
export async function allBack(swarm: Swarm): Promise<SwarmReport> {
  return eventually(
    async () => {
      const report = await swarm.report();
      const { lost, resumedAfter, connected, clients } = report;
      if (lost === 0) throw new Error('no client has lost its connection');
      if (resumedAfter.length < lost || connected < clients)
        throw new Error(`${String(connected)} of ${String(clients)} are connected`);
      return report;
    },
    { within: SETTLED },
  );
}

/** Resolves when all clients of a swarm have got the same, `messages` of them. */
export async function same(swarm: Swarm, clients: number, messages: number): Promise<void> {
  await eventually(
    async () => {
      const report = await swarm.report();
      expect(report.most).toBe(messages);
      expect(report.digests).toEqual([clients]);
      expect(report.gaps).toBe(0);
    },
    { within: SETTLED },
  );
}
