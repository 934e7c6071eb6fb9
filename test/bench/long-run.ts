import type { Bench } from './bench';
import { residentKib } from './machine';
import type { RunningWirepost, Wirepost } from './peers/wirepost';

const USERS = 1000;
const TRIAL = 100_000;
/** Share of the saturated rate. */
const LOAD = 0.7;
/** s of one line of the table. */
const STEP = 10;
/** The window fills within the run and then stays as it is, so that growth behind it would show. */
const SETTINGS = { WINDOW_MAX_AGE: '1m', TOKEN_TTL: '30s' };

interface Sample {
  readonly second: number;
  readonly rate: number;
  readonly heapMib: number;
  readonly windowMib: number;
  readonly residentMib: number;
  readonly p99: number;
  readonly problems: readonly string[];
}

/** One run at 70 % of what is possible; tells throughput and memory over time. */
export async function longRun(
  bench: Bench,
  peer: Wirepost,
  minutes: number,
  say: (text: string) => void,
): Promise<string> {
  const running = await peer.start({ env: SETTINGS });
  try {
    await bench.connect(running, USERS, 'users');
    const load = { purpose: 'users', connections: USERS } as const;
    await bench.deliver(running, { ...load, count: TRIAL, rate: 0 });
    const trial = await bench.deliver(running, { ...load, count: TRIAL, rate: 0 });
    const rate = Math.floor((trial.rate ?? 0) * LOAD);
    say(`saturated ${String(Math.round(trial.rate ?? 0))}/s, so ${String(rate)}/s for the run`);
    const samples: Sample[] = [];
    const start = performance.now();
    while (performance.now() - start < minutes * 60_000) {
      const {
        rate: reached = 0,
        spread,
        problems,
      } = await bench.deliver(running, {
        ...load,
        rate,
        count: rate * STEP,
      });
      const second = Math.round((performance.now() - start) / 1000);
      const p99 = (spread?.p99 ?? 0) / 1000;
      const sample = { second, rate: reached, p99, problems, ...(await sizes(running)) };
      say(lineOf(sample));
      samples.push(sample);
    }
    return tableOf(samples, rate);
  } finally {
    await bench.disconnect();
    await running.stop();
  }
}

async function sizes(
  running: RunningWirepost,
): Promise<Pick<Sample, 'heapMib' | 'windowMib' | 'residentMib'>> {
  return {
    heapMib: (await running.metric('nodejs_heap_size_used_bytes')) / 1024 ** 2,
    windowMib: (await running.metric('wirepost_window_bytes')) / 1024 ** 2,
    residentMib: residentKib(running.serverPid) / 1024,
  };
}

function lineOf({ second, rate, heapMib, windowMib, residentMib, p99, problems }: Sample): string {
  const figures = [rate, p99, heapMib, windowMib, residentMib].map((one) => one.toFixed(0));
  return [`${String(second)} s`, ...figures, problems.join(', ')].join(' | ');
}

function tableOf(samples: readonly Sample[], rate: number): string {
  const shown = samples.filter((_, i) => i % Math.ceil(samples.length / 12) === 0);
  return [
    `### FLAT: ${String(rate)} messages/s (70 % of saturation) over AMQP to ${String(USERS)} users`,
    '',
    '| after | messages/s | p99 ms | heap MiB | window MiB | RSS MiB | remarks |',
    '| --: | --: | --: | --: | --: | --: | :-- |',
    ...shown.map((sample) => `| ${lineOf(sample)} |`),
    '',
  ].join('\n');
}
