import { EmbeddedLog, EmbeddedLogReader } from '../../src/infrastructure/embedded/embedded-log';
import {
  EmbeddedQueues,
  EmbeddedUpstreamPublisher,
} from '../../src/infrastructure/embedded/embedded-queues';
import { SystemClock } from '../../src/infrastructure/observability/system-clock';
import { eventually } from '../support/eventually';
import { anEntry, messageLogContract } from './message-log.contract';
import { silence } from './quiet-logger';
import { RecordingListener } from './recording-listener';
import { upstreamContract } from './upstream.contract';

silence();
const clock = new SystemClock();

describe('the embedded log', () => {
  messageLogContract(() => {
    const writer = new EmbeddedLog(clock, 10_000_000);
    const readers: EmbeddedLogReader[] = [];
    return Promise.resolve({
      writer,
      reader: () => {
        const reader = new EmbeddedLogReader(writer, clock);
        readers.push(reader);
        return Promise.resolve(reader);
      },
      close: async () => {
        await Promise.all(readers.map((reader) => reader.stop()));
      },
    });
  });

  it('drops the oldest entries above its limit of bytes', async () => {
    const log = new EmbeddedLog(clock, 20_000);
    for (let n = 0; n < 100; n += 1)
      await log.append(anEntry({ messageId: `m${String(n)}`, content: 'x'.repeat(500) }));
    const listener = new RecordingListener();
    await new EmbeddedLogReader(log, clock).start(60_000, listener);
    await eventually(() => {
      expect(listener.ids.at(-1)).toBe('m99');
    });
    expect(listener.ids.length).toBeGreaterThan(10);
    expect(listener.ids.length).toBeLessThan(40);
    expect(listener.isContiguous).toBe(true);
  });
});

describe('the embedded queues', () => {
  upstreamContract(() => {
    const queues = new EmbeddedQueues();
    return Promise.resolve({
      publisher: new EmbeddedUpstreamPublisher(queues, clock),
      queues,
      deadLetters: () =>
        Promise.resolve(
          queues.deadLetters.map(({ message, reason, attempt }) => ({
            messageId: message.id,
            reason,
            attempt,
          })),
        ),
      close: () => queues.stop(0),
    });
  });
});
