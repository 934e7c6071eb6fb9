import { messageEntry } from '../../../src/application/message-json';
import { LogWriter, type NewEntry } from '../../../src/application/ports/message-log';
import { Refusal } from '../../../src/domain/errors';
import { Message, SERVICE } from '../../../src/domain/message/message';
import { Partitions } from '../../../src/domain/routing/partitions';
import { PartitionedLogWriter } from '../../../src/infrastructure/rabbitmq/partitioned-log-writer';
import { FakeClock } from '../../support/fake-clock';

const PARTITIONS = new Partitions(2, 1);
/** One of each: crc32('u0') is even, crc32('u4') is odd. */
const USERS = ['u0', 'u4'] as const;

class ListedWriter extends LogWriter {
  override readonly blocked = false;
  readonly taken: string[] = [];
  refusal: Refusal | undefined;

  override append(entry: NewEntry): Promise<void> {
    if (this.refusal !== undefined) return Promise.reject(this.refusal);
    this.taken.push(entry.kind === 'message' ? entry.message.id : entry.kind);
    return Promise.resolve();
  }
}

function aMessage(messageId: string, to: object): NewEntry {
  const body = { messageType: 'SERVER_TO_CLIENT', businessType: 'a.b', content: 1, messageId };
  return messageEntry(Message.compose({ ...body, ...to }, SERVICE, new FakeClock()), 1000);
}

const to = (partition: 0 | 1): object => ({ sendType: 'UNICAST', toUniqueId: USERS[partition] });
const EVERYBODY = { sendType: 'BROADCAST' };

describe('a log with partitions', () => {
  const writers = [new ListedWriter(), new ListedWriter()] as const;
  const writer = new PartitionedLogWriter(writers, PARTITIONS);
  beforeEach(() => {
    for (const one of writers) {
      one.taken.length = 0;
      one.refusal = undefined;
    }
  });

  it('has what is for one user once, what is for many everywhere, each in the order of appending', async () => {
    await Promise.all([
      writer.append(aMessage('a', to(0))),
      writer.append(aMessage('b', to(1))),
      writer.append(aMessage('c', EVERYBODY)),
      writer.append(aMessage('d', to(0))),
    ]);
    expect(writers.map(({ taken }) => taken)).toEqual([
      ['a', 'c', 'd'],
      ['b', 'c'],
    ]);
  });

  it('keeps what nodes tell each other in the partition that they read', async () => {
    await writer.append({ kind: 'probe', id: 'p' });
    await writer.append({ kind: 'claims', claims: [] });
    expect(writers.map(({ taken }) => taken)).toEqual([[], ['probe', 'claims']]);
  });

  it('does not know what became of a message that only some have taken', async () => {
    writers[0].refusal = new Refusal('UNAVAILABLE');
    const answer = writer.append(aMessage('a', EVERYBODY));
    await expect(answer).rejects.toMatchObject({ code: 'UNKNOWN_OUTCOME', retryable: true });
    expect(writers[1].taken).toEqual(['a']);
  });

  it('says that a message was not taken only when none has taken it', async () => {
    for (const one of writers) one.refusal = new Refusal('UNAVAILABLE');
    await expect(writer.append(aMessage('a', EVERYBODY))).rejects.toMatchObject({
      code: 'UNAVAILABLE',
    });
    writers[1].refusal = new Refusal('UNKNOWN_OUTCOME');
    await expect(writer.append(aMessage('a', EVERYBODY))).rejects.toMatchObject({
      code: 'UNKNOWN_OUTCOME',
    });
  });
});
