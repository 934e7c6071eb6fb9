import { readFileSync } from 'node:fs';

import { eventually } from '../support/eventually';

/** Resolves when the process is stopped (state T of proc(5)), with the evidence of it. */
export async function standsStill(pid: number): Promise<string> {
  await eventually(() => {
    const state = readFileSync(`/proc/${String(pid)}/stat`, 'utf8')
      .split(') ')
      .at(-1)?.[0];
    if (state !== 'T') throw new Error(`process ${String(pid)} is in state ${state ?? '?'}`);
  });
  return `process ${String(pid)} is stopped`;
}
