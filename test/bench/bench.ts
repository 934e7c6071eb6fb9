import { setTimeout as wait } from 'node:timers/promises';

import type { Broker } from './broker';
import { BACKEND } from './broker';
import type { Collected, Published } from './generator/commands';
import { GeneratorProcess } from './generator/generator-process';
import { busySeconds } from './machine';
import { type Measurement, Meter, type Processes } from './measurement';
import { CONTENT_BYTES, type Feed, type Purpose, type RunningPeer } from './peers/peer';

/** Handshakes on their way at a time. */
const IN_FLIGHT = 256;
/** Confirms that a saturating publisher may have open. */
const WINDOW = 1000;
/** ms without a delivery after which the rest is taken as lost. */
const QUIET = 5000;
/** ms in which surplus deliveries would show. */
const LINGER = 200;
/** ms of rest between measurements. */
const REST = 700;

/** Below so many cores in use, for one step of so many ms, the machine is taken as calm. */
const CALM_CORES = 0.25;
const CALM_STEP = 1000;
const CALM_TRIES = 15;

/** How many messages, how fast; rate 0 = as fast as it goes. */
export interface Load {
  readonly purpose: Exclude<Purpose, 'idle'>;
  readonly connections: number;
  readonly count: number;
  readonly rate: number;
}

/** What a delivery gave, without the names of the row. */
export type Delivered = Omit<Measurement, 'section' | 'scenario' | 'peer'>;

/** The load generators and the broker, for scenarios to use. */
export class Bench {
  readonly receiver = new GeneratorProcess();
  readonly sender = new GeneratorProcess();

  constructor(readonly broker: Broker) {}

  /** Opens connections; rejects unless all of them opened. */
  async connect(peer: RunningPeer, count: number, purpose: Purpose): Promise<number> {
    await this.receiver.call('close');
    const plan = await peer.connections(count, purpose);
    const opened = await this.receiver.call('open', { ...plan, inFlight: IN_FLIGHT });
    if (opened.open !== count) {
      throw new Error(`${String(opened.open)} of ${String(count)} opened: ${opened.problem}`);
    }
    await this.rest();
    return opened.seconds;
  }

  /** Publishes to the open connections, as the peer wants it by default, and waits for everything to arrive. */
  async deliver(
    peer: RunningPeer,
    load: Load,
    feed = peer.feed(load.purpose, load.connections),
  ): Promise<Delivered> {
    const { purpose, connections, count, rate } = load;
    return this.arrive(peer, load, () =>
      this.publish(peer, feed, {
        count,
        rate,
        users: purpose === 'users' ? connections : 1,
      }),
    );
  }

  /** Has something published and waits for it to arrive at the open connections, each message where it belongs. */
  async arrive(
    peer: RunningPeer,
    { purpose, connections, count, rate }: Load,
    publish: () => Promise<Published>,
  ): Promise<Delivered> {
    const expected = purpose === 'broadcast' ? count * connections : count;
    await this.receiver.call('begin', { latency: rate > 0 });
    const meter = new Meter(this.processes(peer));
    const [published, collected] = await Promise.all([
      publish(),
      this.receiver.call('collect', { expected, quiet: QUIET + slowest(rate), linger: LINGER }),
    ]);
    const used = meter.stop(collected.received);
    await this.rest();
    const seconds = (collected.lastAt - collected.firstAt) / 1e6;
    return {
      ...used,
      rate: collected.received / seconds,
      ...(collected.spread !== undefined && { spread: collected.spread }),
      problems: [
        ...problemsOf(published, count),
        ...missing(collected, purpose === 'broadcast' ? count : published.counts),
      ],
    };
  }

  /** Waits until nothing else uses the machine, for so long as that may be hoped for. */
  async calm(): Promise<void> {
    for (let i = 0; i < CALM_TRIES; i += 1) {
      const before = busySeconds();
      await wait(CALM_STEP);
      if (busySeconds() - before < (CALM_CORES * CALM_STEP) / 1000) return;
    }
  }

  processes(peer: RunningPeer): Processes {
    return {
      server: [peer.serverPid, ...(peer.otherPids ?? [])],
      broker: peer.usesBroker ? this.broker.node.pid : undefined,
      load: [this.receiver.pid, this.sender.pid],
    };
  }

  async rest(): Promise<void> {
    await wait(REST);
  }

  async disconnect(): Promise<void> {
    await this.receiver.call('close');
    await this.rest();
  }

  stop(): void {
    this.receiver.stop();
    this.sender.stop();
  }

  private publish(
    peer: RunningPeer,
    feed: Feed,
    { count, rate, users }: { count: number; rate: number; users: number },
  ): Promise<Published> {
    const pace = { count, rate, window: WINDOW };
    if (feed.kind === 'socket')
      return this.sender.call('publishSocket', { ...pace, ...feed, port: peer.port });
    const { port } = this.broker.node;
    return this.sender.call('publishAmqp', { ...pace, ...feed, ...BACKEND, port, users });
  }
}

/** ms between two messages. */
function slowest(rate: number): number {
  return rate > 0 ? 1000 / rate : 0;
}

function problemsOf({ sent, confirmed, problem }: Published, count: number): string[] {
  const problems = problem === '' ? [] : [problem];
  if (sent !== count) problems.push(`${String(sent)} of ${String(count)} sent`);
  if (confirmed !== sent) problems.push(`${String(sent - confirmed)} not confirmed`);
  return problems;
}

/** Compares what came on each connection with what was sent to it. */
function missing(
  { counts, closed, bytes, received }: Collected,
  expected: number | readonly number[],
): string[] {
  let lost = 0;
  let surplus = 0;
  counts.forEach((received, i) => {
    const wanted = typeof expected === 'number' ? expected : (expected[i] ?? 0);
    if (received < wanted) lost += wanted - received;
    else surplus += received - wanted;
  });
  const problems: string[] = [];
  if (bytes < received * CONTENT_BYTES) problems.push(`only ${String(bytes)} bytes came`);
  if (lost > 0) problems.push(`${String(lost)} lost`);
  if (surplus > 0) problems.push(`${String(surplus)} too many`);
  if (closed > 0) problems.push(`${String(closed)} connections closed`);
  return problems;
}
