import { setTimeout as wait } from 'node:timers/promises';

import type { RabbitMqNode } from '../support/rabbitmq-node';
import {
  closedConnections,
  frozenAndKilledBroker,
  closedChannels,
  unboundLog,
} from './broker-nemeses';
import type { Patch } from './build';
import type { Problem } from './checker';
import { absentClients, flappingClients } from './client-nemeses';
import type { Directed, Run } from './fault-run';
import { killedGateway } from './gateway-nemeses';
import { EVERYTHING, type Mix } from './generator';
import { raceTokens } from './token-race';

/** A run that is short, and that a sound build survives. */
export interface Scenario extends Directed {
  readonly name: string;
  readonly mix?: Mix;
  readonly env?: Readonly<Record<string, string>>;
}

/** A build with a defect, the run that shows it, and the name that the checker must give it. */
export interface BrokenBuild {
  readonly name: string;
  readonly patches: readonly Patch[];
  readonly scenario: Scenario;
  readonly problem: Problem;
}

const SHORT = { around: 100, rate: 150, patience: 10_000 };
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

/** The runs that broken builds go through; those that need a broker to kill take the one that is given. */
export function scenarios(broker: RabbitMqNode) {
  return {
    plain: { ...SHORT, name: 'load alone' },
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
      ...SHORT,
      name: 'clients away, much to replay',
      mix: LARGE,
      nemesis: ({ system }) => absentClients(system.clients.slice(0, 2)),
      during: (run) => whileMoreComes(run, 60),
    },
    window: {
      ...SHORT,
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

/** Every defect that the suite must be able to see. */
export function brokenBuilds(broker: RabbitMqNode): readonly BrokenBuild[] {
  const runs = scenarios(broker);
  return [
    {
      name: 'acknowledges before the handler',
      scenario: runs.gateway,
      problem: 'lost',
      patches: [
        {
          file: 'infrastructure/rabbitmq/acking-consumer.ts',
          find: `await this.process(delivery);
      this.answer(() => {
        channel.ack(delivery);
      });`,
          replace: `this.answer(() => {
        channel.ack(delivery);
      });
      await this.process(delivery);`,
        },
      ],
    },
    {
      name: 'acknowledges before the replies are confirmed',
      scenario: runs.replies,
      problem: 'lost',
      patches: [
        {
          file: 'application/handlers/handler-runner.ts',
          find: `await Promise.all(
      replies.map((reply) => this.log.append(messageEntry(reply, this.settings.maxBytes))),
    );`,
          replace: `for (const reply of replies)
      this.log.append(messageEntry(reply, this.settings.maxBytes)).catch(() => undefined);`,
        },
      ],
    },
    {
      name: 'does not drop a repeated messageId',
      scenario: runs.plain,
      problem: 'duplicate',
      patches: [
        {
          file: 'domain/log/window.ts',
          find: 'if (this.holds(keyHash, id, sender)) {',
          replace: 'if (Number.isNaN(keyHash)) {',
        },
      ],
    },
    {
      name: 'works on both copies of a client’s message',
      scenario: runs.plain,
      problem: 'duplicate',
      patches: [
        {
          file: 'application/handlers/handler-runner.ts',
          find: 'return !(await this.claims.claim(claimKey(message), publishId));',
          replace: 'return false;',
        },
      ],
    },
    {
      name: 'is live before the replay',
      scenario: runs.reconnects,
      problem: 'lost',
      patches: [
        {
          file: 'application/delivery/delivery.ts',
          find: `this.index.add(subscriber);
    this.catchUp(subscriber);`,
          replace: `this.index.add(subscriber);
    subscriber.live = true;
    setTimeout(() => { this.catchUp(subscriber); }, 30);`,
        },
      ],
    },
    {
      name: 'replays, and attaches a moment later',
      scenario: runs.reconnects,
      problem: 'lost',
      patches: [
        {
          file: 'application/delivery/delivery.ts',
          find: `this.index.add(subscriber);
    this.catchUp(subscriber);`,
          replace: `this.catchUp(subscriber);
    setTimeout(() => { this.index.add(subscriber); }, 30);`,
        },
      ],
    },
    {
      name: 'accepts without `mandatory`',
      scenario: runs.unbound,
      problem: 'lost',
      patches: [
        {
          file: 'infrastructure/rabbitmq/confirming-publisher.ts',
          find: 'mandatory: true',
          replace: 'mandatory: false',
        },
      ],
    },
    {
      name: 'takes a return for a confirm',
      scenario: runs.unbound,
      problem: 'lost',
      patches: [
        {
          file: 'infrastructure/rabbitmq/confirming-publisher.ts',
          find: "pending.returned ? 'returned' : 'confirmed'",
          replace: "'confirmed'",
        },
      ],
    },
    {
      name: 'accepts before the confirm',
      scenario: runs.broker,
      problem: 'lost',
      patches: [
        {
          file: 'infrastructure/rabbitmq/confirming-publisher.ts',
          find: 'this.bytes += pending.bytes;',
          replace: "this.bytes += pending.bytes; pending.resolve('confirmed');",
        },
      ],
    },
    {
      name: 'moves the position ahead of what was written',
      scenario: runs.backlog,
      problem: 'lost',
      patches: [
        {
          file: 'application/delivery/delivery.ts',
          find: 'subscriber.position = replay.upTo;',
          replace: 'subscriber.position = this.window.last?.offset ?? replay.upTo;',
        },
      ],
    },
    {
      name: 'trims the window without telling of a gap',
      scenario: runs.window,
      problem: 'lost',
      patches: [
        {
          file: 'application/delivery/delivery.ts',
          find: 'subscriber.receiver.channel.write([frame]);',
          replace: 'void frame;',
        },
      ],
    },
    {
      name: 'restarts its reader at `next`',
      scenario: runs.connections,
      problem: 'lost',
      patches: [
        {
          file: 'infrastructure/rabbitmq/rabbitmq-log-reader.ts',
          find: 'const offset = this.last === undefined ? this.from : this.applied;',
          replace: "const offset = this.last === undefined ? this.from : 'next';",
        },
        {
          file: 'infrastructure/rabbitmq/rabbitmq-log-reader.ts',
          find: 'if (isLost) this.lose(offset);',
          replace: 'void isLost;',
        },
        {
          file: 'infrastructure/rabbitmq/rabbitmq-log-reader.ts',
          find: 'if (offset > this.applied + 1) this.lose(offset);',
          replace: '',
        },
      ],
    },
    {
      name: 'does not open a channel again',
      scenario: runs.channels,
      problem: 'probe-missing',
      patches: [
        {
          file: 'infrastructure/rabbitmq/channel-keeper.ts',
          find: `if (this.open !== channel) return;
      this.drop();
      this.retry();`,
          replace: `if (this.open !== channel) return;
      this.drop();`,
        },
      ],
    },
    {
      name: 'claims a token at its own node alone',
      scenario: runs.tokens,
      problem: 'token-twice',
      patches: [
        {
          file: 'application/log/log-claims.ts',
          find: 'if (this.follower.claims.isTaken(key, claimant)) return Promise.resolve(false);',
          replace:
            'return Promise.resolve(this.follower.claims.enter(key, claimant, this.clock.now()));',
        },
      ],
    },
    {
      name: 'believes the sender that a client names',
      scenario: runs.plain,
      problem: 'forged-sender',
      patches: [
        {
          file: 'domain/message/message.ts',
          find: '{ ...rest, ...from, timestamp',
          replace: '{ ...from, ...rest, timestamp',
        },
      ],
    },
    {
      name: 'delivers a multicast to everybody',
      scenario: runs.plain,
      problem: 'misrouted',
      patches: [
        {
          file: 'application/delivery/audience-index.ts',
          find: 'if (reaches(audience, member.subscription)) visit(member);\n      }',
          replace: 'visit(member);\n      }',
        },
        {
          file: 'application/delivery/audience-index.ts',
          find: 'for (const label of labels) for (const member of index.get(label) ?? []) found.add(member);',
          replace: 'void index; void labels; for (const member of this.all) found.add(member);',
        },
      ],
    },
  ];
}
