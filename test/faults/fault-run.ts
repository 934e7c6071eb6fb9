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

/** What a run has while it runs. */
export interface Run {
  readonly system: System;
  readonly load: Load;
  readonly generator: Generator;
  readonly history: History;
  readonly random: Random;
}

export interface FaultRun extends SystemOptions {
  /** Its name in the table of results. */
  readonly row: string;
  readonly seed: number;
  /** The fault, made for the system that is to suffer it. */
  readonly nemesis: (run: Run) => Nemesis;
  /** What happens while the fault lasts; a wait of `hold` ms when absent. Throws when something is wrong. */
  readonly during?: (run: Run) => Promise<void>;
  /** ms for which the fault lasts without `during`; 3000 when absent. */
  readonly hold?: number;
  /** Operations a second; 150 when absent. */
  readonly rate?: number;
  /** Operations accepted before the fault, and again after it; 300 when absent. */
  readonly around?: number;
  readonly mix?: Mix;
  /** ms within which every client must have been answered again; 10 000 when absent. */
  readonly recoverWithin?: number;
}

/**
 * A directed run: load, one fault under it, recovery measured by probes, more load, rest, judgement. Adds a row to the
 * table. Rejects with what the checker found and the path of the history.
 */
export async function runFault(options: FaultRun): Promise<Row> {
  const { row, seed, hold = 3000, rate = 150, around = 300 } = options;
  const during = options.during ?? (() => wait(hold));
  return judged({ ...options, minimum: 2 * around }, async (run) => {
    const { load, history, system, generator } = run;
    const nemesis = options.nemesis(run);
    load.start(rate);
    try {
      await load.accepts(around);
      await suffer(nemesis, history, () => during(run));
      const recovery = await timeToRecover(system.clients, generator, load);
      await load.accepts(around);
      await quiesce(system, load, generator, [nemesis]);
      return { faults: [nemesis.name], recovery };
    } finally {
      load.stop();
      await nemesis.heal();
    }
  }).then((result) => {
    const { recoverWithin = 10_000 } = options;
    if (result.recovery > recoverWithin)
      throw new Error(`${row} (seed ${String(seed)}): recovered in ${String(result.recovery)} ms`);
    return result;
  });
}

/** One fault from its beginning to its end, with its marks in the history. */
export async function suffer(
  nemesis: Nemesis,
  history: History,
  during: () => Promise<void>,
): Promise<void> {
  const { name, allows } = nemesis;
  history.add({ kind: 'nemesis', name, phase: 'start', allows });
  try {
    const evidence = await nemesis.start();
    history.add({ kind: 'nemesis', name, phase: 'felt', allows, evidence });
    await during();
  } finally {
    await nemesis.stop();
    history.add({ kind: 'nemesis', name, phase: 'stop', allows });
  }
}

/** Runs work on a system of its own, judges its history, reports a row; keeps the history when it is not valid. */
export async function judged(
  options: SystemOptions & Pick<FaultRun, 'row' | 'seed' | 'mix'> & { readonly minimum: number },
  work: (run: Run) => Promise<{ readonly faults: readonly string[]; readonly recovery: number }>,
): Promise<Row> {
  const { row, seed, minimum } = options;
  const history = new History(`${row}-${String(seed)}`);
  let kept = true;
  let system: System | undefined;
  try {
    system = await System.start(options, history);
    const random = new Random(seed);
    const generator = new Generator(random.fork(), CLIENTS, SERVICES, options.mix);
    const load = new Load(system, generator, history, random.fork());
    const { faults, recovery } = await work({ system, load, generator, history, random });
    const verdict = check(history.entries, { accepted: minimum, faults });
    const result = report({ row, seed, recovery, verdict });
    if (!verdict.valid) throw new Error(explain(verdict));
    kept = false;
    return result;
  } catch (error) {
    const sentence = error instanceof Error ? error.message : String(error);
    const gateways = system?.gateways.map(({ name, process }) => `${name}: ${process.text}`) ?? [];
    throw new Error(
      `${row} (seed ${String(seed)}): ${sentence}\nhistory: ${history.path}\n${gateways.join('\n').slice(-4000)}`,
      { cause: error },
    );
  } finally {
    await system?.stop();
    history.end(kept);
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
