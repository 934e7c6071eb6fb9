import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** Name, figure, unit. */
export type Cost = readonly [string, number, string];

const run = promisify(execFile);

/** Measures single steps in a process of their own, so that its memory can be measured as well. */
export async function measureCosts(): Promise<readonly Cost[]> {
  const program = join(__dirname, 'node-costs.js');
  const { stdout } = await run(process.execPath, ['--expose-gc', program]);
  return JSON.parse(stdout) as Cost[];
}
