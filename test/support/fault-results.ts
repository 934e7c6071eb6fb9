import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** Where the fault runs of all workers leave their rows; made by the global set-up. */
export function resultsFile(): string {
  const file = process.env['TEST_FAULT_RESULTS'];
  if (file === undefined) throw new Error('the global set-up has made no place for results');
  return file;
}

export function openResults(): void {
  process.env['TEST_FAULT_RESULTS'] = join(
    mkdtempSync(join(tmpdir(), 'wirepost-faults-')),
    'rows.jsonl',
  );
}

/** Every row that was left, in the order of leaving. */
export function readResults(): Readonly<Record<string, unknown>>[] {
  const file = resultsFile();
  if (!existsSync(file)) return [];
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>);
}

export function closeResults(): void {
  rmSync(dirname(resultsFile()), { recursive: true, force: true });
}
