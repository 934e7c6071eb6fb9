import { writeFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';

import { check, type Verdict } from './checker';
import { Generator, type Mix } from './generator';
import { History } from './history';
import { Load } from './load';
import type { Nemesis } from './nemesis';
import { quiesce } from './quiesce';
import { Random } from './random';
import { timeToRecover } from './recovery';
import { report, type Row } from './results';
import { CLIENTS, System, type SystemOptions } from './system';

/** Services that push, by REST or AMQP. */
const SERVICES = ['s1', 's2', 's3', 's4'];
const AROUND = 300;

/** What a run has while it runs. */
export interface Run {
  readonly system: System;
  readonly load: Load;
  readonly generator: Generator;
  readonly history: History;
  readonly random: Random;
}

/** One fault under load. */
export interface Directed {
  /** The fault, made for the system that is to suffer it; none to see that nothing goes wrong without one. */
  readonly nemesis?: (run: Run) => Nemesis;
  /** What happens while the fault lasts; a wait of `hold` ms when absent. Throws when something is wrong. */
  readonly during?: (run: Run) => Promise<void>;
  /** ms for which the fault lasts without `during`; 3000 when absent. */
  readonly hold?: number;
  /** Operations a second; 150 when absent. */
  readonly rate?: number;
  /** Operations accepted before the fault, and again after it; 300 when absent. */
  readonly around?: number;
  /** What is to be seen when everything has come to rest. Throws when something is wrong. */
  readonly afterwards?: (run: Run) => Promise<void>;
  /** ms for which probes are asked after the fault; 60 000 when absent. */
  readonly patience?: number;
}

/** How a run is named, and on what it runs. */
export interface Setting extends SystemOptions {
  /** Its name in the table of results. */
  readonly row: string;
  readonly seed: number;
  readonly mix?: Mix;
  /** ms within which every client must have been answered again; 10 000 when absent. */
  readonly recoverWithin?: number;
}

/** What a run came to. */
export interface Observed {
  readonly verdict: Verdict;
  /** ms; see `timeToRecover`. */
  readonly recovery: number;
}

export type Work = (
  run: Run,
) => Promise<{ readonly faults: readonly string[]; readonly recovery: number }>;

/**
 * A directed run: load, one fault under it, recovery measured by probes, more load, rest, judgement. Adds a row to the
 * table. Rejects with what the checker found and the path of the history.
 */
export function runFault(options: Setting & Directed): Promise<Row> {
  return judged({ minimum: 2 * (options.around ?? AROUND), ...options }, directed(options));
}

/** The work of a directed run. */
export function directed(options: Directed): Work {
  const { hold = 3000, rate = 150, around = AROUND, patience = 60_000 } = options;
  const during = options.during ?? (() => wait(hold));
  return async (run) => {
    const { load, history, system, generator } = run;
    const nemesis = options.nemesis?.(run);
    const nemeses = nemesis === undefined ? [] : [nemesis];
    load.start(rate);
    try {
      await load.accepts(around);
      if (nemesis !== undefined) await suffer(nemesis, history, () => during(run));
      const recovery = await timeToRecover(system.clients, generator, load, patience);
      // That nothing is accepted any more is for the checker to say.
      await load.accepts(around, patience).catch(() => undefined);
      await quiesce(system, load, generator, nemeses, patience);
      await options.afterwards?.(run);
      return { faults: nemeses.map(({ name }) => name), recovery };
    } finally {
      load.stop();
      await nemesis?.heal();
    }
  };
}

/** One fault from its beginning to its end, with its marks in the history. */
export async function suffer(
  nemesis: Nemesis,
  history: History,
  during: () => Promise<void>,
): Promise<void> {
  const { name, allows, gateway } = nemesis;
  const mark = {
    kind: 'nemesis',
    name,
    allows,
    ...(gateway !== undefined && { gateway }),
  } as const;
  history.add({ ...mark, phase: 'start' });
  try {
    const evidence = await nemesis.start();
    history.add({ ...mark, phase: 'felt', evidence });
    await during();
  } finally {
    await nemesis.stop();
    history.add({ ...mark, phase: 'stop' });
  }
}

/**
 * Runs work on a system of its own and judges its history. Adds a row to the table; rejects, and keeps the history,
 * when it is not valid, with fewer than `minimum` operations accepted, or recovered too late.
 */
export async function judged(
  setting: Setting & { readonly minimum: number },
  work: Work,
): Promise<Row> {
  const { row, seed, minimum, recoverWithin = 10_000 } = setting;
  return onSystem(setting, async (run) => {
    const { verdict, recovery } = await observe(run, work, minimum);
    const isLate = recovery > recoverWithin;
    const result = report({ row, seed, recovery, verdict, isLate });
    if (!verdict.valid) throw new Error(explain(verdict));
    if (isLate) throw new Error(`recovered in ${String(recovery)} ms`);
    return result;
  });
}

/** Runs work and judges what it has left in the history. */
export async function observe(run: Run, work: Work, minimum: number): Promise<Observed> {
  const { faults, recovery } = await work(run);
  return { recovery, verdict: check(run.history.entries, { accepted: minimum, faults }) };
}

/** Makes a system for one piece of work; when that fails, says where its history lies and what the gateways said. */
export async function onSystem<T>(setting: Setting, work: (run: Run) => Promise<T>): Promise<T> {
  const { row, seed } = setting;
  const history = new History(`${row}-${String(seed)}`);
  let isSound = false;
  let system: System | undefined;
  let load: Load | undefined;
  try {
    system = await System.start(setting, history);
    const random = new Random(seed);
    const generator = new Generator(random.fork(), CLIENTS, SERVICES, setting.mix);
    load = new Load(system, generator, history, random.fork());
    const result = await work({ system, load, generator, history, random });
    isSound = true;
    return result;
  } catch (error) {
    const sentence = error instanceof Error ? error.message : String(error);
    const said = (system?.gateways ?? []).map(({ name, process }) => `${name}: ${process.text}`);
    writeFileSync(`${history.path}.log`, said.join('\n\n'));
    const lines = [
      `${row} (seed ${String(seed)}): ${sentence}`,
      `history: ${history.path}`,
      ...said.map((text) => text.slice(-2000)),
    ];
    throw new Error(lines.join('\n'), { cause: error });
  } finally {
    load?.abandon();
    await system?.stop();
    history.end(!isSound);
  }
}

/** The findings, each kind with a few examples. */
function explain({ findings, counts }: Verdict): string {
  const kinds = new Map<string, string[]>();
  for (const { problem, detail } of findings)
    kinds.set(problem, [...(kinds.get(problem) ?? []), detail]);
  const lines = [...kinds].map(
    ([problem, details]) =>
      `${problem} ×${String(details.length)}: ${details.slice(0, 5).join('; ')}`,
  );
  return `${lines.join('\n')}\n${JSON.stringify(counts)}`;
}
