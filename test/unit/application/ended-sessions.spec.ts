import { LogReader, LogWriter, type NewEntry } from '../../../src/application/ports/message-log';
import { EndedSessions } from '../../../src/application/session/ended-sessions';
import { Refusal } from '../../../src/domain/errors';
import { silence } from '../../contract/quiet-logger';
import { FakeClock } from '../../support/fake-clock';

silence();

const DAY = 24 * 3_600_000;
const USER = { uniqueId: 'u1', clientType: 'H5' };

/** The log of a node that reads at once what is appended, until it is deaf. */
class Log extends LogWriter {
  override blocked = false;
  isDeaf = false;
  next = 0;
  read = 0;
  restarts = 0;
  readonly clock = new FakeClock();
  readonly sessions: EndedSessions;

  constructor() {
    super();
    this.sessions = new EndedSessions({ writer: this, reader: new Reader(this) }, this.clock);
  }

  override append(entry: NewEntry): Promise<void> {
    if (this.blocked) return Promise.reject(new Refusal('UNAVAILABLE'));
    const time = this.clock.now();
    const at = { offset: this.next++, timestamp: time, time };
    if (!this.isDeaf && entry.kind !== 'message') {
      this.sessions.entry({ ...entry, ...at });
      this.read = this.next;
    }
    return Promise.resolve();
  }

  /** Time passes, with a beat each second. */
  async pass(seconds: number): Promise<void> {
    for (let second = 0; second < seconds; second += 1) {
      this.clock.advance(1000);
      this.sessions.beat();
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

class Reader extends LogReader {
  constructor(private readonly log: Log) {
    super();
  }

  override start(): Promise<void> {
    return Promise.resolve();
  }

  override isAtEnd(): Promise<boolean> {
    return Promise.resolve(this.log.read === this.log.next && this.log.next > 0);
  }

  override restart(): void {
    this.log.restarts += 1;
  }

  override stop(): Promise<void> {
    return Promise.resolve();
  }
}

describe('the sessions that were ended', () => {
  it('are known as soon as the node has read what was there at its start', async () => {
    const log = new Log();
    expect(log.sessions.known).toBe(false);
    await log.sessions.start();
    await log.pass(1);
    expect(log.sessions.known).toBe(true);
  });

  it('are known to a node that can write nothing, when it has read to the end', async () => {
    const log = new Log();
    log.blocked = true;
    [log.read, log.next] = [5, 7];
    await log.sessions.start();
    await log.pass(10);
    expect(log.sessions.known).toBe(false);
    log.read = 7;
    await log.pass(5);
    expect(log.sessions.known).toBe(true);
  });

  it('are late at a node that reads nothing, which says so, and its reader is opened anew', async () => {
    const log = new Log();
    await log.sessions.start();
    await log.pass(600);
    expect([log.sessions.known, log.restarts]).toEqual([true, 0]);
    log.isDeaf = true;
    await log.sessions.end('u1', '');
    await log.pass(60);
    expect(log.restarts).toBeGreaterThan(0);
    await log.pass(60);
    expect(log.sessions.lag).toBeGreaterThan(90_000);
    // To send everybody away would be worse.
    expect(log.sessions.known).toBe(true);
    log.isDeaf = false;
    log.read = log.next;
    await log.pass(5);
    expect(log.sessions.lag).toBeLessThan(5000);
  });

  it('are known again soon when the log was made anew, although nobody ends any', async () => {
    const log = new Log();
    await log.sessions.start();
    await log.pass(30);
    [log.next, log.read] = [0, 0];
    log.sessions.reset();
    await log.pass(120);
    expect(log.sessions.lag).toBeLessThan(30_000);
    expect(log.restarts).toBe(0);
  });

  it('are remembered for longer than any token lasts', async () => {
    const log = new Log();
    await log.sessions.start();
    const issued = log.clock.now();
    await log.sessions.end('u1', '');
    log.clock.advance(30 * DAY + 16 * 60_000);
    log.sessions.beat();
    expect(log.sessions.endOf(USER, issued)).toBeDefined();
    log.clock.advance(DAY);
    log.sessions.beat();
    expect(log.sessions.endOf(USER, issued)).toBeUndefined();
  });

  it('stay known when the log is made anew', async () => {
    const log = new Log();
    await log.sessions.start();
    const issued = log.clock.now();
    await log.sessions.end('u1', 'H5');
    log.sessions.reset();
    expect(log.sessions.endOf(USER, issued)).toBeDefined();
  });
});
