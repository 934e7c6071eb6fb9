import { parseCursor } from '../../src/protocol/cursor';
import type { Finding } from './checker';
import type { Entry, GapTold, Received } from './history';
import type { Index } from './history-index';

/** What came before a gap is not behind its beginning, what comes after it is behind its end. */
export function checkGaps({ gaps, received }: Index): Finding[] {
  return [...gaps].flatMap(([client, told]) =>
    told
      // Positions of two logs cannot be compared.
      .filter(({ reason }) => reason !== 'OTHER_LOG')
      .filter((gap) => !isBetween(received.get(client) ?? [], gap))
      .map(({ from, to }) => ({
        problem: 'gap-bounds' as const,
        detail: `${client}: ${from} to ${to}`,
      })),
  );
}

function isBetween(got: readonly (Received & Entry)[], { at, from, to }: GapTold & Entry): boolean {
  const before = got.findLast((one) => one.at < at);
  const next = got.find((one) => one.at >= at);
  const [begins, ends] = [offsetOf(from), offsetOf(to)];
  const follows = next === undefined ? Infinity : offsetOf(next.cursor);
  // What is at `from` is not missing, what is at `to` is (domain/log/window.ts, Gap).
  return offsetOf(before?.cursor) <= begins && begins < ends && ends < follows;
}

function offsetOf(cursor: string | undefined): number {
  return parseCursor(cursor ?? '')?.offset ?? 0;
}
