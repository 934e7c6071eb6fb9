import type { RabbitMqNode } from '../support/rabbitmq-node';
import type { Patch } from './build';
import type { Problem } from './checker';
import { type Scenario, scenarios } from './scenarios';

/** A build with a defect, the run that shows it, and the name that the checker must give it. */
export interface BrokenBuild {
  readonly name: string;
  readonly patches: readonly Patch[];
  readonly scenario: Scenario;
  readonly problem: Problem;
}

/** The defects that `npm test` must be able to see. */
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
          find: 'const delivery = this.decode(raw);',
          replace: 'const delivery = this.decode(raw); ack(channel, raw);',
        },
        {
          file: 'infrastructure/rabbitmq/acking-consumer.ts',
          find: 'if (isSafe === true) ack(channel, raw);',
          replace: 'void isSafe;',
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
          find: 'if (this.entryOf(keyHash, id, sender) !== undefined) {',
          replace: 'if (Number.isNaN(keyHash)) {',
        },
      ],
    },
    {
      name: 'is live before the replay',
      scenario: runs.backlog,
      problem: 'lost',
      patches: [
        {
          file: 'application/delivery/delivery.ts',
          find: `this.index.add(subscriber);
    this.catchUp(subscriber);`,
          replace: `this.index.add(subscriber);
    subscriber.live = true;
    setTimeout(() => { this.catchUp(subscriber); }, 100);`,
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
          find: 'options.mandatory = true;',
          replace: 'options.mandatory = false;',
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
          replace: "this.bytes += pending.bytes; pending.resolve('routed');",
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
  ];
}

/** The others. */
export function moreBrokenBuilds(broker: RabbitMqNode): readonly BrokenBuild[] {
  const runs = scenarios(broker);
  return [
    {
      name: 'acknowledges before the replies are confirmed',
      scenario: runs.replies,
      problem: 'lost',
      patches: [
        {
          file: 'application/handlers/handler-runner.ts',
          find: `await Promise.all(entries.map((entry) => this.log.append(entry)));
    if (last !== undefined) await this.log.append(last);`,
          replace: `for (const entry of last === undefined ? [] : [...entries, last])
      this.log.append(entry).catch(() => undefined);`,
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
      name: 'takes a return for a confirm',
      scenario: runs.unbound,
      problem: 'lost',
      patches: [
        {
          file: 'infrastructure/rabbitmq/confirming-publisher.ts',
          find: "pending.returned ? 'unroutable' : 'routed'",
          replace: "'routed'",
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
          find: 'if (this.isTaken(key, claimant)) return Promise.resolve(false);',
          replace:
            'return Promise.resolve(this.follower.claims.enter(key, claimant, this.clock.now()));',
        },
      ],
    },
    {
      name: 'copies a broadcast to its own partition only',
      scenario: runs.partitions,
      problem: 'lost',
      patches: [
        {
          file: 'infrastructure/rabbitmq/partitioned-log-writer.ts',
          find: 'this.writers[partition];',
          replace:
            'this.writers[partition]; if (writer === undefined) return this.writers[own]!.append(entry);',
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
          find: 'taken.body.fromUniqueId = origin.uniqueId;',
          replace: 'taken.body.fromUniqueId ??= origin.uniqueId;',
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
          find: "if (audience.kind === 'multicast') return reaches(audience, member.subscription);",
          replace: "if (audience.kind === 'multicast') return true;",
        },
        {
          file: 'application/delivery/audience-index.ts',
          find: 'return tags.length > 0 ? holders(this.byTag, tags) : holders(this.byBusiness, businesses);',
          replace: 'void tags; void businesses; return this.all;',
        },
      ],
    },
  ];
}
