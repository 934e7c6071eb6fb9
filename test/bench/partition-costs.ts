import { randomUUID } from 'node:crypto';

import { messageEntry } from '../../src/application/message-json';
import type { LogWriter, NewEntry } from '../../src/application/ports/message-log';
import { Message, SERVICE } from '../../src/domain/message/message';
import { Partitions } from '../../src/domain/routing/partitions';
import type { ConfirmingPublisher } from '../../src/infrastructure/rabbitmq/confirming-publisher';
import { BrokerUser } from '../../src/infrastructure/rabbitmq/broker-user';
import { LogCodec } from '../../src/infrastructure/rabbitmq/log-codec';
import { PartitionedLogWriter } from '../../src/infrastructure/rabbitmq/partitioned-log-writer';
import { RabbitMqLogWriter } from '../../src/infrastructure/rabbitmq/rabbitmq-log-writer';
import type { Cost } from './costs';
import { content } from './peers/peer';

const PARTITIONS = new Partitions(2, 0);
const USERS = 1000;
const APPENDED = 200_000;
const PLACED = 2_000_000;
/** Messages that come together, as in a batch by REST. */
const BATCH = 500;
const UNICAST = 'UNICAST';
const BROADCAST = 'BROADCAST';

const clock = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
  newId: randomUUID,
};
const body = JSON.parse(content()) as unknown;
/** A broker that confirms everything and costs nothing. */
const publisher = {
  publish: () => Promise.resolve('routed'),
} as unknown as ConfirmingPublisher;

/** What publishing costs a node because the log has partitions; without a broker. */
export async function partitionCosts(): Promise<readonly Cost[]> {
  const one = writer();
  const two = new PartitionedLogWriter([writer(), writer()], PARTITIONS);
  // The first round is for the compiler.
  for (const to of [one, two]) for (const type of [UNICAST, BROADCAST]) await append(to, type);
  return [
    ['a user’s partition, by a uniqueId of 36 characters', place(), 'µs'],
    ['message appended, 500 to an entry', await append(one, UNICAST), 'µs'],
    ['the same, placed in one of two partitions', await append(two, UNICAST), 'µs'],
    ['a broadcast, copied into two partitions', await append(two, BROADCAST), 'µs'],
  ];
}

function writer(): LogWriter {
  const codec = new LogCodec(new BrokerUser('wirepost'), clock);
  return new RabbitMqLogWriter(publisher, codec, {
    name: 'log',
    exchange: 'push',
    key: '',
    hasOtherWay: false,
    declare: () => Promise.resolve(),
  });
}

function entryOf(sendType: string): NewEntry {
  const address = sendType === UNICAST ? { sendType, toUniqueId: randomUUID() } : { sendType };
  const fields = { messageType: 'SERVER_TO_CLIENT', businessType: 'bench.order', content: body };
  return messageEntry(Message.compose({ ...address, ...fields }, SERVICE, clock), 65_536);
}

/** µs of a message. */
async function append(to: LogWriter, sendType: string): Promise<number> {
  const entries = Array.from({ length: BATCH }, () => entryOf(sendType));
  const start = performance.now();
  for (let done = 0; done < APPENDED; done += BATCH)
    await Promise.all(entries.map((entry) => to.append(entry)));
  return ((performance.now() - start) / APPENDED) * 1000;
}

/** µs of a user. */
function place(): number {
  const users = Array.from({ length: USERS }, () => randomUUID());
  let sum = 0;
  const start = performance.now();
  for (let done = 0; done < PLACED; done += USERS)
    for (const user of users) sum += PARTITIONS.of(user);
  const spent = performance.now() - start;
  if (sum === 0 || sum === PLACED) throw new Error('all users are in one partition');
  return (spent / PLACED) * 1000;
}
