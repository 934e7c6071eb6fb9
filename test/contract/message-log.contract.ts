import { messageEntry } from '../../src/application/message-json';
import type { LogReader, LogWriter, NewEntry } from '../../src/application/ports/message-log';
import type { LogEntry } from '../../src/domain/log/log-entry';
import { eventually } from '../support/eventually';
import { aMessage } from '../support/message.builder';
import { jsonOf, RecordingListener } from './recording-listener';

/** A log that nobody has written to. */
export interface LogUnderTest {
  readonly writer: LogWriter;
  /** Another reader of the same log, as another node would have it. */
  reader(): Promise<LogReader>;
  close(): Promise<void>;
}

const HOUR = 3_600_000;

/** A push as an entry. */
export function anEntry(over: Parameters<typeof aMessage>[0] = {}): NewEntry {
  return messageEntry(aMessage(over, undefined, Date.now()), 1_000_000);
}

/** Takes every entry and then fails at probes. */
class ThrowingListener extends RecordingListener {
  override entry(entry: LogEntry): void {
    super.entry(entry);
    if (entry.kind === 'probe') throw new Error('a defect of the listener');
  }
}

/** What every log must do. */
export function messageLogContract(open: () => Promise<LogUnderTest>): void {
  let log: LogUnderTest;
  beforeEach(async () => {
    log = await open();
  });
  afterEach(() => log.close());

  async function follow(maxAge = HOUR): Promise<RecordingListener> {
    const listener = new RecordingListener();
    await (await log.reader()).start(maxAge, listener);
    return listener;
  }

  async function append(...ids: string[]): Promise<void> {
    await Promise.all(ids.map((messageId) => log.writer.append(anEntry({ messageId }))));
  }

  describe('append', () => {
    it('resolves when the entry is in the log', async () => {
      await append('m1');
      const listener = await follow();
      await eventually(() => {
        expect(listener.ids).toEqual(['m1']);
      });
    });

    it('does not deliver before the caller goes on', async () => {
      const listener = await follow();
      const appended = append('m1');
      await Promise.resolve();
      expect(listener.ids).toEqual([]);
      await appended;
      await eventually(() => {
        expect(listener.ids).toEqual(['m1']);
      });
    });
  });

  describe('reading', () => {
    it('gives entries in the order of their appends, each offset once and none left out', async () => {
      const listener = await follow();
      const ids = Array.from({ length: 2000 }, (_, i) => `m${String(i)}`);
      await append(...ids);
      await eventually(() => {
        expect(listener.entries).toHaveLength(ids.length);
      });
      expect(listener.ids).toEqual(ids);
      expect(listener.isContiguous).toBe(true);
    });

    it('shows a second reader the same entries at the same positions', async () => {
      const first = await follow();
      await append('m1', 'm2', 'm3');
      await log.writer.append({ kind: 'probe', id: 'p1' });
      const second = await follow();
      await append('m4');
      await eventually(() => {
        expect(first.entries).toHaveLength(5);
        expect(second.entries).toHaveLength(5);
      });
      expect(second.entries).toEqual(first.entries);
    });

    it('is at the end of the log when it has read what is in it', async () => {
      await append('m1', 'm2');
      const reader = await log.reader();
      expect(await reader.isAtEnd()).toBe(false);
      const listener = new RecordingListener();
      await reader.start(HOUR, listener);
      await eventually(() => {
        expect(listener.ids).toEqual(['m1', 'm2']);
      });
      expect(await reader.isAtEnd()).toBe(true);
      await append('m3');
      await eventually(async () => {
        expect(await reader.isAtEnd()).toBe(true);
        expect(listener.ids).toEqual(['m1', 'm2', 'm3']);
      });
    });

    it('leaves out what is older than was asked for', async () => {
      await append('old');
      const written = Date.now();
      await eventually(() => {
        expect(Date.now() - written).toBeGreaterThan(2200);
      });
      const listener = await follow(1000);
      await append('new');
      await eventually(() => {
        expect(listener.ids).toEqual(['new']);
      });
    });

    it('goes on after its listener has thrown', async () => {
      const listener = new ThrowingListener();
      await (await log.reader()).start(HOUR, listener);
      await log.writer.append({ kind: 'probe', id: 'p1' });
      await append('m1');
      await eventually(() => {
        expect(listener.ids).toEqual(['m1']);
      });
      expect(listener.isContiguous).toBe(true);
    });

    it('neither repeats nor leaves out entries when it is restarted in between', async () => {
      const listener = new RecordingListener();
      const reader = await log.reader();
      await reader.start(HOUR, listener);
      const ids: string[] = [];
      for (let round = 0; round < 4; round += 1) {
        const some = Array.from({ length: 50 }, (_, i) => `m${String(round)}-${String(i)}`);
        ids.push(...some);
        await append(...some.slice(0, 25));
        reader.restart();
        await append(...some.slice(25));
      }
      await eventually(() => {
        expect(listener.entries).toHaveLength(ids.length);
      });
      expect(listener.ids).toEqual(ids);
      expect(listener.isContiguous).toBe(true);
      expect(listener.resets).toBe(0);
    });

    it('tells nothing after a stop', async () => {
      const stopped = new RecordingListener();
      const reader = await log.reader();
      await reader.start(HOUR, stopped);
      await append('m1');
      await eventually(() => {
        expect(stopped.ids).toEqual(['m1']);
      });
      await reader.stop();
      const other = await follow();
      await append('m2');
      await eventually(() => {
        expect(other.ids).toEqual(['m1', 'm2']);
      });
      expect(stopped.ids).toEqual(['m1']);
    });
  });

  contentContract(() => ({ log, follow }));
}

/** What of an entry must come back as it was. */
function contentContract(
  current: () => { log: LogUnderTest; follow: () => Promise<RecordingListener> },
): void {
  describe('an entry', () => {
    it.each([
      [
        { toUniqueId: 'u1', toClientType: 'H5' },
        { kind: 'unicast', uniqueId: 'u1', clientType: 'H5' },
      ],
      [
        { toUniqueId: '用户 "1"\u0000' },
        { kind: 'unicast', uniqueId: '用户 "1"\u0000', clientType: '' },
      ],
      [
        { sendType: 'MULTICAST', toUniqueId: undefined, tags: ['a', 'é,"b'], businesses: ['x'] },
        { kind: 'multicast', tags: ['a', 'é,"b'], businesses: ['x'], clientType: '' },
      ],
      [
        { sendType: 'MULTICAST', toUniqueId: undefined, businesses: ['x'], toClientType: 'WEB' },
        { kind: 'multicast', tags: [], businesses: ['x'], clientType: 'WEB' },
      ],
      [
        { sendType: 'BROADCAST', toUniqueId: undefined },
        { kind: 'broadcast', clientType: '' },
      ],
    ])('comes back with its audience: %j', async (over, audience) => {
      const { log, follow } = current();
      const listener = await follow();
      await log.writer.append(anEntry({ ...over, messageId: 'm1' }));
      await eventually(() => {
        expect(listener.message('m1').audience).toEqual(audience);
      });
    });

    it('comes back with its bytes, and without its messageId in them', async () => {
      const { log, follow } = current();
      const listener = await follow();
      const entry = anEntry({ messageId: 'm1', content: { text: 'Grüße 你好 \u2028', n: 1.5 } });
      await log.writer.append(entry);
      await eventually(() => {
        expect(listener.ids).toEqual(['m1']);
      });
      const read = listener.message('m1');
      expect(entry.kind === 'message' && Buffer.from(read.body).equals(entry.body)).toBe(true);
      expect(jsonOf(read)).not.toHaveProperty('messageId');
    });

    it('comes back with the time at which it was logged, in both its positions', async () => {
      const { log, follow } = current();
      const listener = await follow();
      const before = Date.now();
      await log.writer.append(anEntry({ messageId: 'm1' }));
      await eventually(() => {
        expect(listener.ids).toEqual(['m1']);
      });
      const { time, timestamp } = listener.message('m1');
      expect(time).toBeGreaterThanOrEqual(before);
      expect(time).toBeLessThanOrEqual(Date.now());
      expect(timestamp).toBe(time);
    });

    it('comes back with the instant of its expiry, 0 when it has none', async () => {
      const { log, follow } = current();
      const listener = await follow();
      const timestamp = Date.now();
      await log.writer.append(anEntry({ messageId: 'm1', timestamp, ttl: 5000 }));
      await log.writer.append(anEntry({ messageId: 'm2', timestamp }));
      await eventually(() => {
        expect(listener.ids).toEqual(['m1', 'm2']);
      });
      expect(listener.message('m1').expiresAt).toBe(timestamp + 5000);
      expect(listener.message('m2').expiresAt).toBe(0);
    });

    it('keeps the messageIds of two clients and of a service apart by its sender', async () => {
      const { log, follow } = current();
      const listener = await follow();
      const from = (uniqueId: string) => ({ kind: 'client', uniqueId, clientType: 'H5' }) as const;
      const body = { messageType: 'CLIENT_TO_CLIENT', messageId: 'm1' };
      const sent = [aMessage(body, from('a')), aMessage(body, from('b')), aMessage(body)];
      for (const message of sent) await log.writer.append(messageEntry(message, 1_000_000));
      await eventually(() => {
        expect(listener.messages.map(({ sender }) => sender)).toEqual(['a', 'b', undefined]);
      });
      expect(new Set(sent.map(({ key }) => key)).size).toBe(3);
    });

    it('may be a set of claims or a probe', async () => {
      const { log, follow } = current();
      const listener = await follow();
      const claims = [
        { key: 't é"1', claimant: 'c1' },
        { key: 't 2', claimant: 'c2' },
      ];
      await log.writer.append({ kind: 'claims', claims });
      await log.writer.append({ kind: 'probe', id: 'p1' });
      await eventually(() => {
        expect(listener.probes).toEqual(['p1']);
      });
      expect(listener.claims.map((entry) => entry.claims)).toEqual([claims]);
    });
  });
}
