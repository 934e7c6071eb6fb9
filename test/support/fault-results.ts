import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { runFolder } from './run-folder';

/** Where the fault runs of all workers leave their rows. */
export function resultsFile(): string {
  return join(runFolder(), 'rows.jsonl');
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
