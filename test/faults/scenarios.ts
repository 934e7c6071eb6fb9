import { setTimeout as wait } from 'node:timers/promises';

import type { RabbitMqNode } from '../support/rabbitmq-node';
import {
  closedChannels,
  closedConnections,
  frozenAndKilledBroker,
  unboundLog,
} from './broker-nemeses';
import { absentClients, flappingClients } from './client-nemeses';
import type { Directed, Run } from './fault-run';
import { killedGateway } from './gateway-nemeses';
import { EVERYTHING, type Mix } from './generator';
import { raceTokens } from './token-race';

/** A run that is short, and that a sound build survives. */
export interface Scenario extends Directed {
  readonly name: string;
  readonly mix?: Mix;
  readonly gateways?: number;
  readonly partitions?: number;
  readonly env?: Readonly<Record<string, string>>;
}

const SHORT = { around: 100, rate: 150, patience: 10_000 };
/** Half as many: what is large keeps every process of the run busy. */
const SHORT_OF_LARGE = { ...SHORT, rate: 75 };
/** Messages so large that a few of them are more than a replay, or a window, holds. */
const LARGE: Mix = {
  ...EVERYTHING,
  channels: { rest: 1, batch: 0, repeat: 0, amqp: 0, client: 0, upstream: 0 },
  addressing: { unicast: 0, multicast: 0, broadcast: 1 },
  padding: 40_000,
};
const QUESTIONS: Mix = {
  ...EVERYTHING,
  channels: { ...EVERYTHING.channels, upstream: 100 },
  questions: ['fault.slow'],
};

async function whileMoreComes({ load }: Run, messages: number): Promise<void> {
  await load.accepts(messages);
}

/** The runs that a sound build survives and in which a broken one shows; `broker` is the one that is killed. */
export function scenarios(broker: RabbitMqNode) {
  return {
    plain: { ...SHORT, name: 'load alone' },
    partitions: { ...SHORT, name: 'load alone, two partitions', partitions: 2, gateways: 4 },
    tokens: {
      ...SHORT,
      name: 'one token at two gateways at once',
      nemesis: () => ({
        name: 'token race',
        allows: [],
        start: () => Promise.resolve('two gateways'),
        stop: () => Promise.resolve(),
        heal: () => Promise.resolve(),
      }),
      during: raceTokens,
    },
    reconnects: {
      ...SHORT,
      name: 'clients reconnect',
      nemesis: ({ system, random }) => flappingClients(system, random),
    },
    unbound: {
      ...SHORT,
      name: 'log unbound',
      nemesis: ({ system }) => unboundLog(system),
      // Shorter than the retries of a handler, whose reply has nowhere to go meanwhile.
      during: () => wait(1000),
    },
    replies: {
      ...SHORT,
      name: 'log unbound while handlers work',
      mix: QUESTIONS,
      nemesis: ({ system }) => unboundLog(system),
      during: () => wait(1000),
    },
    backlog: {
      ...SHORT_OF_LARGE,
      name: 'clients away, much to replay',
      mix: LARGE,
      nemesis: ({ system }) => absentClients(system.clients.slice(0, 2)),
      during: (run) => whileMoreComes(run, 60),
    },
    window: {
      ...SHORT_OF_LARGE,
      name: 'clients away for longer than the window',
      mix: LARGE,
      env: { WINDOW_MAX_BYTES: '1MiB' },
      nemesis: ({ system }) => absentClients(system.clients.slice(0, 2), ['gap']),
      during: (run) => whileMoreComes(run, 150),
    },
    connections: {
      ...SHORT,
      name: 'connections closed by the broker',
      nemesis: ({ system }) => closedConnections(system),
      hold: 0,
    },
    channels: {
      ...SHORT,
      name: 'channels closed by the broker',
      nemesis: ({ system }) => closedChannels(system),
      hold: 0,
      patience: 4000,
    },
    gateway: {
      ...SHORT,
      name: 'gateway kill -9',
      mix: QUESTIONS,
      nemesis: ({ system }) => killedGateway(system),
      hold: 0,
    },
    broker: {
      ...SHORT,
      name: 'broker SIGSTOP, then kill -9',
      nemesis: () => frozenAndKilledBroker(broker),
      hold: 0,
      patience: 60_000,
    },
  } as const satisfies Readonly<Record<string, Scenario>>;
}
