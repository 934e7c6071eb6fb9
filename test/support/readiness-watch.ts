import { once } from 'node:events';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';

import type { Readiness } from './readiness-program';

/**
 * Looks at a gateway's readiness from a thread of its own, since a test's thread may stand still for longer than a gateway
 * with few clients takes to stop. Resolves when the gateway was seen ready; `next` is what it was seen to be after that.
 */
export async function watchReadiness(base: string): Promise<{ readonly next: Promise<Readiness> }> {
  const worker = new Worker(join(__dirname, 'readiness-program.ts'), {
    workerData: { base },
    execArgv: ['-r', join(__dirname, 'typescript.cjs')],
  });
  const [first] = (await once(worker, 'message')) as [Readiness];
  if (first !== 'ready') throw new Error(`${base} is ${first}`);
  return { next: once(worker, 'message').then(([seen]) => seen as Readiness) };
}
