import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Steps of the longest run; pan says when it was not enough. */
const DEPTH = 10_000;

export interface Verification {
  /** True when every state was visited, no run was cut off, and no state was left out by hashing. */
  readonly complete: boolean;
  readonly states: number;
  /** What went wrong first, in pan's words; undefined when nothing did. */
  readonly error: string | undefined;
  /** Statements that no run has reached, apart from the ends of endless processes. */
  readonly unreached: readonly string[];
}

/**
 * Verifies a model of this folder with the wrong design `variant` in it, or as it is: the assertions and that no process
 * hangs, or with `property` an LTL formula of the model.
 */
export async function verify(
  model: string,
  { variant, property }: { readonly variant?: string; readonly property?: string } = {},
): Promise<Verification> {
  const folder = await mkdtemp(join(tmpdir(), 'wirepost-model-'));
  try {
    const define = variant === undefined ? [] : [`-D${variant}`];
    await run('spin', ['-a', ...define, join(__dirname, model)], { cwd: folder });
    // A wrong design is found out at once: there the compiler's work would be the longer part.
    const speed = variant === undefined ? '-O2' : '-O0';
    // Under an LTL claim pan looks at assertions only as far as the claim goes, so each has its own run.
    const kind = property === undefined ? ['-DSAFETY', '-DNOCLAIM'] : [];
    await run('cc', ['-w', speed, '-DNOREDUCE', ...kind, '-o', 'pan', 'pan.c'], { cwd: folder });
    const search = property === undefined ? [] : ['-a', '-N', property];
    const { stdout } = await run('./pan', [`-m${String(DEPTH)}`, ...search], { cwd: folder });
    return read(stdout);
  } finally {
    await rm(folder, { recursive: true });
  }
}

function read(output: string): Verification {
  const [, states] = /^\s*([\d.e+]+) states, stored/m.exec(output) ?? [];
  const [, errors] = /errors: (\d+)$/m.exec(output) ?? [];
  if (states === undefined || errors === undefined) throw new Error(`pan has said: ${output}`);
  const [, error] = /^pan:1: (.+) \(at depth \d+\)$/m.exec(output) ?? [];
  const cutOff = /max search depth too small|Search not completed|out of memory/.test(output);
  // A part for each process; the one for an LTL claim says nothing of the model.
  const processes = output.split('unreached in ').filter((part) => !part.startsWith('claim'));
  const missed = [...processes.join('').matchAll(/^\t\S+, state \d+, "(.+)"$/gm)];
  return {
    complete: !cutOff && output.includes('Full statespace search'),
    states: Number(states),
    error: errors === '0' ? undefined : (error ?? output),
    unreached: missed.map((match) => match[1] ?? '').filter((statement) => statement !== '-end-'),
  };
}
