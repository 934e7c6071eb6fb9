import type { Bench } from '../bench';
import { Meter } from '../measurement';
import type { RunningWirepost, Wirepost } from '../peers/wirepost';
import type { Row, Scenario } from './scenario';

const CLIENTS = 10_000;
const MISSED = 100;
const IN_FLIGHT = 256;
/** ms without a message after which the rest is taken as lost. */
const QUIET = 10_000;
const BATCH = 1000;
/** The window has to hold a million messages. */
const SETTINGS = { WINDOW_MAX_BYTES: '2GiB' };

/** RESUME: everybody comes back at once, as after a restart, and gets what was pushed meanwhile. */
export function resume(peers: readonly Wirepost[]): Scenario<Wirepost> {
  return {
    section: 'RESUME',
    title: `${String(CLIENTS)} clients come back and resume ${String(MISSED)} missed messages each`,
    unit: 'messages/s',
    base: '',
    peers,
    async run(bench, peer) {
      const running = await peer.start({ env: SETTINGS });
      try {
        // Their tokens start from before what follows.
        const plan = await running.connections(CLIENTS, 'users');
        const counts = await fill(bench, running);
        return [await comeBack(bench, running, plan, counts)];
      } finally {
        await bench.disconnect();
        await running.stop();
      }
    },
  };
}

async function fill(bench: Bench, peer: RunningWirepost): Promise<readonly number[]> {
  const count = CLIENTS * MISSED;
  const { confirmed, counts, problem } = await bench.sender.call('pushHttp', {
    ports: [peer.port],
    path: '/websocket/push/batch',
    key: peer.key,
    body: peer.body('users'),
    users: CLIENTS,
    connections: 4,
    batch: BATCH,
    count,
    rate: 0,
    window: 0,
  });
  if (confirmed !== count) throw new Error(`${String(confirmed)} were accepted: ${problem}`);
  await bench.rest();
  return counts;
}

async function comeBack(
  bench: Bench,
  peer: RunningWirepost,
  plan: Awaited<ReturnType<RunningWirepost['connections']>>,
  counts: readonly number[],
): Promise<Row> {
  const expected = CLIENTS * MISSED;
  await bench.receiver.call('close');
  await bench.receiver.call('begin', { latency: false });
  const meter = new Meter(bench.processes(peer));
  const start = performance.now();
  const opened = await bench.receiver.call('open', { ...plan, inFlight: IN_FLIGHT });
  const collected = await bench.receiver.call('collect', { expected, quiet: QUIET, linger: 0 });
  const seconds = (performance.now() - start) / 1000;
  const used = meter.stop(collected.received);
  const wrong = collected.counts.filter((received, i) => received !== counts[i]).length;
  return {
    scenario: 'all at once',
    ...used,
    rate: collected.received / seconds,
    extra: { 's until all have all': seconds },
    problems: [
      ...(opened.open === CLIENTS ? [] : [`${String(opened.open)} opened: ${opened.problem}`]),
      ...(wrong > 0 ? [`${String(wrong)} clients did not get exactly theirs`] : []),
    ],
  };
}
