import { readResults } from './fault-results';

/** Columns of the table of fault runs: key of a row, and heading. */
const COLUMNS = [
  ['row', 'fault'],
  ['seed', 'seed'],
  ['accepted', 'accepted'],
  ['unknown', 'unknown'],
  ['recovered', 'recovered'],
  ['wireDuplicates', 'wire duplicates'],
  ['recovery', 'served again (ms)'],
  ['verdict', 'verdict'],
] as const;

/** The rows that were left as a Markdown table; empty without rows. */
export function faultTable(): string {
  const rows = readResults().map((row) =>
    COLUMNS.map(([key]) => (row[key] === -1 ? '–' : String(row[key]))),
  );
  if (rows.length === 0) return '';
  const head = COLUMNS.map(([, heading]) => heading);
  const widths = head.map((heading, i) =>
    Math.max(heading.length, ...rows.map((cells) => cells[i]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(' | ')} |`;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
}
