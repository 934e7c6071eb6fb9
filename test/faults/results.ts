import { appendFileSync } from 'node:fs';

import { resultsFile } from '../support/fault-results';
import type { Verdict } from './checker';

/** One line of the table. */
export interface Row {
  readonly row: string;
  readonly seed: number;
  readonly accepted: number;
  readonly unknown: number;
  readonly recovered: number;
  readonly wireDuplicates: number;
  /** ms from the moment at which what was broken could be reached again; -1: not measured. */
  readonly recovery: number;
  /** `sound`, or what was found. */
  readonly verdict: string;
}

/** Adds a row to the table that the whole run prints at its end. */
export function report({
  row,
  seed,
  recovery,
  verdict,
  isLate,
}: {
  readonly row: string;
  readonly seed: number;
  readonly recovery: number;
  readonly verdict: Verdict;
  /** True when it was sound, but served again later than it should. */
  readonly isLate: boolean;
}): Row {
  const { accepted, unknown, recovered, wireDuplicates } = verdict.counts;
  const problems = [...new Set(verdict.findings.map(({ problem }) => problem))];
  const result: Row = {
    ...{ row, seed, accepted, unknown, recovered, wireDuplicates },
    recovery: Number.isFinite(recovery) ? recovery : -1,
    verdict: verdict.valid ? (isLate ? 'too late' : 'sound') : problems.join(', '),
  };
  record(result);
  return result;
}

/** Adds a finished row. */
export function record(row: Row): void {
  appendFileSync(resultsFile(), `${JSON.stringify(row)}\n`);
}

/** Adds a row of a run that judges itself and has found nothing wrong: `accepted` messages, each received once. */
export function sound(row: string, accepted: number, recovery = -1, measured = ''): void {
  const none = { seed: 0, unknown: 0, recovered: 0, wireDuplicates: 0 };
  const verdict = measured === '' ? 'sound' : `sound: ${measured}`;
  record({ ...none, row, accepted, recovery, verdict });
}
