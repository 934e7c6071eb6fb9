import { setTimeout as wait } from 'node:timers/promises';

import type { RabbitMqNode } from '../support/rabbitmq-node';
import {
  alarm,
  closedChannels,
  closedConnections,
  frozenBroker,
  killedBroker,
  stoppedApp,
  unboundLog,
} from './broker-nemeses';
import { absentClients, flappingClients } from './client-nemeses';
import { judged, type Run, suffer } from './fault-run';
import { killedGateway } from './gateway-nemeses';
import type { Nemesis } from './nemesis';
import { quiesce } from './quiesce';
import type { Random } from './random';
import { timeToRecover } from './recovery';
import type { Row } from './results';

export interface Soak {
  readonly broker: RabbitMqNode;
  readonly minutes: number;
  readonly seed: number;
  /** Partitions of the log; 1 when absent. */
  readonly partitions?: number;
  /** ms for which a fault lasts, and for which there is none after it. */
  readonly on: readonly [number, number];
  readonly off: readonly [number, number];
}

/** Operations a second. */
const RATE = 100;
/** Accepted operations per minute below which a soak proves little. */
const PER_MINUTE = 1500;

type Make = (run: Run, random: Random) => Nemesis;

/** Faults that exclude each other are in one role; the roles go on side by side. */
function rolesOf(broker: RabbitMqNode): Readonly<Record<string, readonly Make[]>> {
  return {
    broker: [
      () => killedBroker(broker),
      () => stoppedApp(broker),
      () => frozenBroker(broker),
      ({ system }) => alarm(system, 'memory'),
      ({ system }) => alarm(system, 'disk'),
      ({ system }) => unboundLog(system),
      ({ system }) => closedChannels(system),
      ({ system }) => closedConnections(system),
    ],
    gateway: [
      ({ system }) => killedGateway(system, 'g1'),
      ({ system }) => killedGateway(system, 'g2'),
    ],
    clients: [
      ({ system }, random) => flappingClients(system, random, 100),
      ({ system }, random) => absentClients([random.pick(system.clients)]),
    ],
  };
}

/**
 * Faults of every role at random times, all roles at once, under load. The schedule follows from the seed: which fault,
 * for how long, and how long until the next. The recovery is the slowest after a fault of the broker.
 */
export function soak({ broker, minutes, seed, partitions = 1, on, off }: Soak): Promise<Row> {
  const setting = {
    row: `all roles at random, ${String(minutes)} min${partitions > 1 ? `, ${String(partitions)} partitions` : ''}`,
    seed,
    broker,
    partitions,
    // One that is killed leaves another one of its partition.
    gateways: Math.max(3, 2 * partitions),
    // Handlers go on trying for longer than a fault lasts, and a gateway waits for its broker.
    env: { RETRY_DELAYS: '200ms,1s,5s,20s', CONNECT_TIMEOUT: '2m' },
    minimum: minutes * PER_MINUTE,
    recoverWithin: Infinity,
  };
  return judged(setting, async (run) => {
    const { system, load, generator, history } = run;
    const made: Nemesis[] = [];
    const recoveries: number[] = [];
    const end = performance.now() + minutes * 60_000;
    const playing = async (
      role: string,
      makers: readonly Make[],
      random: Random,
    ): Promise<void> => {
      while (performance.now() < end) {
        await wait(random.integer(...off));
        const nemesis = random.pick(makers)(run, random);
        const lasts = random.integer(...on);
        made.push(nemesis);
        await suffer(nemesis, history, () => wait(lasts));
        await nemesis.heal();
        if (role === 'broker')
          recoveries.push(await timeToRecover(system.clients, generator, load));
      }
    };
    load.start(RATE);
    try {
      await Promise.all(
        Object.entries(rolesOf(broker)).map(([role, makers]) =>
          playing(role, makers, run.random.fork()),
        ),
      );
      await quiesce(system, load, generator, made);
      const faults = [...new Set(made.map(({ name }) => name))];
      return { faults, recovery: Math.max(...recoveries) };
    } finally {
      load.stop();
      for (const nemesis of made) await nemesis.heal();
    }
  });
}
