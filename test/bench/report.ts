import { existsSync, readFileSync, writeFileSync } from 'node:fs';

import type { Cost } from './costs';
import type { Measurement } from './measurement';
import type { Scenario } from './scenarios/scenario';

/** Cores used by others above which a measurement is marked. */
const DISTURBED = 0.3;
const INTRODUCTION = '# Performance\n';

type Reader = (one: Measurement) => number | undefined;

interface Column {
  readonly heading: string;
  readonly read: Reader;
  readonly digits: number;
  /** True: the ratio to the base peer stands beside it. */
  readonly compared: boolean;
}

/** Makes the table of a scenario, medians over the rounds. */
export function tableOf(
  { section, title, unit, base }: Omit<Scenario, 'peers' | 'run'>,
  all: readonly Measurement[],
): string {
  const columns = columnsOf(unit, all).filter(({ read }) => all.some((one) => defined(read(one))));
  const lines = [
    `### ${section}: ${title}`,
    '',
    row(['', 'peer', ...columns.map(({ heading }) => heading), 'remarks']),
    row([':--', ':--', ...columns.map(() => '--:'), ':--']),
  ];
  for (const scenario of new Set(all.map((one) => one.scenario))) {
    const measured = all.filter((one) => one.scenario === scenario);
    const baseRuns = measured.filter(({ peer }) => peer === base);
    for (const peer of new Set(measured.map((one) => one.peer))) {
      const runs = measured.filter((one) => one.peer === peer);
      const cells = columns.map((column) => cell(column, runs, peer === base ? [] : baseRuns));
      lines.push(row([scenario, peer, ...cells, remarks(runs)]));
    }
  }
  return `${lines.join('\n')}\n`;
}

/** What single steps cost, as a table. */
export function costTableOf(costs: readonly Cost[]): string {
  const lines = costs.map(([name, figure, unit]) => row([name, grouped(figure, 2), unit]));
  const head = [
    '### COSTS: Single steps of a node',
    '',
    row(['', '', '']),
    row([':--', '--:', ':--']),
  ];
  return `${[...head, ...lines].join('\n')}\n`;
}

/** Puts a section's text between its marks; at the end where there are none yet. */
export function writeSection(file: string, section: string, text: string): void {
  const old = existsSync(file) ? readFileSync(file, 'utf8') : INTRODUCTION;
  const [open, close] = [`<!-- bench:${section} -->`, `<!-- /bench:${section} -->`];
  const from = old.indexOf(open);
  const to = old.indexOf(close);
  const block = `${open}\n${text}${close}`;
  if (from === -1 || to < from) writeFileSync(file, `${old.trimEnd()}\n\n${block}\n`);
  else writeFileSync(file, old.slice(0, from) + block + old.slice(to + close.length));
}

/** One line for whoever watches. */
export function lineOf(one: Measurement): string {
  const { rate, spread, serverCpu, brokerCpu, loadCpu, residentMib, extra = {} } = one;
  const parts = [
    part('', rate, 0, '/s'),
    part('p50 ', ms(spread?.p50), 2, ' ms'),
    part('p99 ', ms(spread?.p99), 2, ' ms'),
    part('cpu/100k ', serverCpu, 3, ' s'),
    part('broker ', brokerCpu, 3, ' s'),
    part('load ', loadCpu, 2, ' cores'),
    part('', residentMib, 0, ' MiB'),
    ...Object.entries(extra).map(([name, value]) => part(`${name} `, value, 2, '')),
    one.othersCores > DISTURBED ? `others ${one.othersCores.toFixed(2)} cores` : '',
    ...one.problems.map((problem) => `ERROR ${problem}`),
  ];
  const names = [one.section.padEnd(6), one.scenario.padEnd(16), one.peer.padEnd(27)];
  return [...names, ...parts.filter((text) => text !== '')].join('  ');
}

function columnsOf(unit: string, all: readonly Measurement[]): readonly Column[] {
  const extras = new Set(all.flatMap(({ extra }) => Object.keys(extra ?? {})));
  return [
    { heading: unit, read: (one) => one.rate, digits: 0, compared: true },
    { heading: 'p50 ms', read: (one) => ms(one.spread?.p50), digits: 2, compared: true },
    { heading: 'p99 ms', read: (one) => ms(one.spread?.p99), digits: 2, compared: true },
    { heading: 'CPU s/100 k', read: (one) => one.serverCpu, digits: 3, compared: false },
    { heading: 'broker CPU s/100 k', read: (one) => one.brokerCpu, digits: 3, compared: false },
    { heading: 'RSS MiB', read: (one) => one.residentMib, digits: 0, compared: false },
    ...[...extras].map((name) => ({
      heading: name,
      read: (one: Measurement) => one.extra?.[name],
      digits: 2,
      compared: false,
    })),
  ];
}

function cell(
  { read, digits, compared }: Column,
  runs: readonly Measurement[],
  baseRuns: readonly Measurement[],
): string {
  const value = median(undisturbed(runs).map(read));
  if (value === undefined) return '–';
  const base = compared ? median(undisturbed(baseRuns).map(read)) : undefined;
  const text = grouped(value, digits);
  return base === undefined || base === 0 ? text : `${text} (${(value / base).toFixed(2)}×)`;
}

/** The runs that nothing else on the machine has disturbed; all of them when there is none. */
function undisturbed(runs: readonly Measurement[]): readonly Measurement[] {
  const good = runs.filter((one) => one.othersCores <= DISTURBED);
  return good.length === 0 ? runs : good;
}

/** What was wrong in any of the runs. */
function remarks(runs: readonly Measurement[]): string {
  const problems = new Set(runs.flatMap((one) => one.problems).map((text) => `**${text}**`));
  const disturbed = runs.filter((one) => one.othersCores > DISTURBED).length;
  if (disturbed > 0) problems.add(`${String(disturbed)} of ${String(runs.length)} disturbed`);
  return [...problems].join(', ').replaceAll('|', '/');
}

function median(values: readonly (number | undefined)[]): number | undefined {
  const sorted = values.filter(defined).sort((a, b) => a - b);
  const middle = sorted.length >>> 1;
  const upper = sorted[middle];
  const lower = sorted.length % 2 === 0 ? sorted[middle - 1] : upper;
  return upper === undefined || lower === undefined ? undefined : (upper + lower) / 2;
}

function defined(value: number | undefined): value is number {
  return value !== undefined && !Number.isNaN(value);
}

function ms(microseconds: number | undefined): number | undefined {
  return microseconds === undefined ? undefined : microseconds / 1000;
}

/** Thousands apart, as 2 850 000. */
function grouped(value: number, digits: number): string {
  const [whole = '', fraction] = value.toFixed(digits).split('.');
  const groups = whole.replace(/\B(?=(\d{3})+$)/g, ' ');
  return fraction === undefined ? groups : `${groups}.${fraction}`;
}

function part(before: string, value: number | undefined, digits: number, after: string): string {
  return defined(value) ? `${before}${grouped(value, digits)}${after}` : '';
}

function row(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}
