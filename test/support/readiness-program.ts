import { parentPort, workerData } from 'node:worker_threads';

/** What a watch has seen. */
export type Readiness = 'ready' | 'unready' | 'gone';

const { base } = workerData as { base: string };
/** ms between two looks. */
const EVERY = 5;

async function look(): Promise<Readiness> {
  try {
    return (await fetch(`${base}/health/ready`)).ok ? 'ready' : 'unready';
  } catch {
    return 'gone';
  }
}

/** Says once that it is ready, and ends with the first thing that it is then. */
async function watch(): Promise<void> {
  let last: Readiness | undefined;
  do {
    const seen = await look();
    if (seen !== last) parentPort?.postMessage(seen);
    last = seen;
    await new Promise((resolve) => setTimeout(resolve, EVERY));
  } while (last === 'ready');
}

void watch();
