import { readFileSync, writeFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';

import { readResults } from './fault-results';
import { brokerVersion } from './rabbitmq-node';

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
/** What stands between these lines of a report is written by the runs. */
const BEGIN = '<!-- runs: begin -->';
const END = '<!-- runs: end -->';

/** The rows that were left as a Markdown table; empty without rows. */
export function faultTable(): string {
  const rows = readResults().map((row) =>
    COLUMNS.map(([key]) => (row[key] === -1 ? '–' : String(row[key]))),
  );
  return rows.length === 0 ? '' : table(rows);
}

/** Puts the rows of this run into a report, each in the place of the one with the same name and seed. */
export function updateReport(path: string): void {
  const text = readFileSync(path, 'utf8');
  const [begin, end] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (begin === -1 || end < begin) throw new Error(`${path} has no place for the runs`);
  const rows = new Map<string, string[]>();
  for (const cells of [...rowsOf(text.slice(begin, end)), ...rowsOf(faultTable())])
    rows.set(`${cells[0] ?? ''} ${cells[1] ?? ''}`, cells);
  const body = `${BEGIN}\n${machine()}\n\n${table([...rows.values()])}\n`;
  writeFileSync(path, text.slice(0, begin) + body + text.slice(end));
}

function rowsOf(text: string): string[][] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('| ') && !/^\| (fault|-+) /.test(line))
    .map((line) =>
      line
        .slice(2, -2)
        .split(' | ')
        .map((cell) => cell.trim()),
    );
}

function table(rows: readonly (readonly string[])[]): string {
  const head = COLUMNS.map(([, heading]) => heading);
  const widths = head.map((heading, i) =>
    Math.max(heading.length, ...rows.map((cells) => cells[i]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(' | ')} |`;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
}

/** What the runs ran on. */
function machine(): string {
  const [cpu] = cpus();
  const memory = Math.round(totalmem() / 2 ** 30);
  const parts = [
    `${String(cpus().length)} cores of ${cpu?.model ?? 'an unknown CPU'}`,
    `${String(memory)} GiB`,
    `Linux ${release()}`,
    `Node.js ${process.versions.node}`,
    `RabbitMQ ${brokerVersion()}`,
  ];
  return `Last run on ${parts.join(', ')}.`;
}
