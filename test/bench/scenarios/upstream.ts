import type { Bench } from '../bench';
import type { UpstreamPlan } from '../generator/commands';
import { Meter } from '../measurement';
import type { Peer, RunningPeer } from '../peers/peer';
import type { Row, Scenario } from './scenario';

const CLIENTS = 200;
const WINDOW = 10;
const SATURATED = { rate: 0, warmUp: 1500, duration: 5000 } as const;
const PACED = { rate: 1000, warmUp: 1000, duration: 4000 } as const;

/** S3: clients send, and each message is answered once the broker has confirmed it. */
export function upstream(peers: readonly Peer[]): Scenario {
  return {
    section: 'S3',
    title: `Upstream from ${String(CLIENTS)} clients, answered after the broker's confirm`,
    unit: 'messages/s',
    base: 'ws + amqplib',
    peers,
    async run(bench, peer) {
      const running = await peer.start();
      try {
        const rows: Row[] = [];
        for (const times of [SATURATED, PACED]) {
          await bench.connect(running, CLIENTS, 'users');
          const scenario = times.rate === 0 ? 'saturated' : `${String(times.rate)}/s`;
          rows.push({ scenario, ...(await send(bench, running, times)) });
        }
        return rows;
      } finally {
        await bench.disconnect();
        await running.stop();
      }
    },
  };
}

async function send(
  bench: Bench,
  peer: RunningPeer,
  times: Pick<UpstreamPlan, 'rate' | 'warmUp' | 'duration'>,
): Promise<Omit<Row, 'scenario'>> {
  const { frame, answer, queue } = peer.upstream();
  const meter = new Meter(bench.processes(peer));
  const result = await bench.receiver.call('upstream', { frame, answer, window: WINDOW, ...times });
  const used = meter.stop(result.answered);
  const problems: string[] = [];
  if (result.refused > 0) problems.push(`${String(result.refused)} refused`);
  const silent = result.sent - result.answered - result.refused;
  if (silent > 0) problems.push(`${String(silent)} not answered`);
  if (queue !== undefined) {
    const arrived = await bench.broker.arrived(queue, result.answered);
    if (arrived !== result.answered)
      problems.push(`${String(arrived)} of ${String(result.answered)} answered are in the queue`);
    await bench.broker.purge(queue);
  }
  await bench.rest();
  return {
    ...used,
    rate: result.rate,
    ...(result.spread !== undefined && { spread: result.spread }),
    problems,
  };
}
