import { parseArgs } from 'node:util';

/** What `npm run bench -- …` was asked for. */
export interface Options {
  /** Sections; empty = all but the long run. */
  readonly only: readonly string[];
  readonly rounds: number;
  /** Whether docs/performance.md gets the tables. */
  readonly write: boolean;
  /** Length of the long run; 0 = none. */
  readonly minutes: number;
}

export const USAGE = `npm run bench -- [--only S1,S2] [--rounds 3] [--write] [--minutes 10]
  --only     sections to measure: S1 broadcast, S2 unicast, S3 upstream, S4 connections, REST,
             GROUP commit, RESUME, NODES, PARTITIONS, COSTS; and only when named
             S4BIG, 100 000 connections
  --rounds   how often each peer takes its turn; figures are medians (default 3)
  --write    put the tables into docs/performance.md
  --minutes  instead of all that: one run at 70 % load, to see whether throughput and memory stay flat
`;

/** Reads the arguments; throws an Error with a sentence for what it does not know. */
export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: 'string', default: '' },
      rounds: { type: 'string', default: '3' },
      write: { type: 'boolean', default: false },
      minutes: { type: 'string', default: '0' },
    },
  });
  return {
    only: values.only.split(',').filter((one) => one !== ''),
    rounds: positive('rounds', values.rounds, 1),
    write: values.write,
    minutes: positive('minutes', values.minutes, 0),
  };
}

function positive(name: string, text: string, min: number): number {
  const number = Number(text);
  if (!Number.isFinite(number) || number < min)
    throw new Error(`--${name} must be a number, ${String(min)} or more`);
  return number;
}
