import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const PID = /^(\d+)\.pid$/;

/** Makes the folder of a run of tests: what is left of it goes with the run, whatever became of the tests. */
export function openRunFolder(): void {
  process.env['TEST_FOLDER'] = mkdtempSync(join(tmpdir(), 'wirepost-run-'));
}

/** A folder that goes with the run. */
export function runFolder(): string {
  const folder = process.env['TEST_FOLDER'];
  if (folder === undefined) throw new Error('no run of tests is under way');
  return folder;
}

/** Ends the process with the run if its test has not. `exit` handlers do not: Jest's `process` is a copy that never exits. */
export function endWithRun(child: ChildProcess): void {
  if (child.pid === undefined) return;
  const file = join(runFolder(), `${String(child.pid)}.pid`);
  writeFileSync(file, '');
  child.once('exit', () => {
    rmSync(file, { force: true });
  });
}

export function closeRunFolder(): void {
  const folder = runFolder();
  for (const name of readdirSync(folder)) {
    const [, pid] = PID.exec(name) ?? [];
    if (pid !== undefined) kill(Number(pid));
  }
  rmSync(folder, { recursive: true, force: true });
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended in this moment.
  }
}
