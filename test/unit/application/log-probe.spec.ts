import type { LogFollower } from '../../../src/application/log/log-follower';
import { LogProbe } from '../../../src/application/log/log-probe';
import { LogReader, LogWriter, type NewEntry } from '../../../src/application/ports/message-log';
import { FakeClock } from '../../support/fake-clock';

const SECOND = 1000;

/** A log that takes entries; the test says when they are read. */
class Log {
  readonly written: string[] = [];
  restarts = 0;
  private probeRead: (id: string) => void = () => undefined;

  readonly writer = {
    blocked: false,
    append: (entry: NewEntry) => {
      if (entry.kind === 'probe') this.written.push(entry.id);
      return Promise.resolve();
    },
  } as unknown as LogWriter;

  readonly reader = { restart: () => (this.restarts += 1) } as unknown as LogReader;

  readonly follower = {
    applied: undefined,
    watch: ({ probeRead }: { probeRead: (id: string) => void }) => {
      this.probeRead = probeRead;
    },
  } as unknown as LogFollower;

  /** What was written comes back. */
  async answers(): Promise<void> {
    await turn();
    for (const id of this.written) this.probeRead(id);
    await turn();
  }
}

async function turn(): Promise<void> {
  for (let i = 0; i < 9; i += 1) await Promise.resolve();
}

describe('a node that watches its log', () => {
  let clock: FakeClock;
  let log: Log;
  let probe: LogProbe;
  beforeEach(() => {
    clock = new FakeClock();
    log = new Log();
    probe = new LogProbe(log.writer, log.reader, log.follower, clock, 5 * SECOND);
  });

  async function beat(seconds: number): Promise<void> {
    for (let i = 0; i < seconds; i += 1) {
      clock.advance(SECOND);
      probe.beat();
      await turn();
    }
  }

  it('is ready once a probe came back, and not for long after they stop coming', async () => {
    expect(probe.ready).toBe(false);
    probe.beat();
    await log.answers();
    expect([probe.ready, probe.lag]).toEqual([true, 0]);
    await beat(11);
    expect([probe.ready, probe.lag]).toEqual([true, 6 * SECOND]);
    await beat(1);
    expect(probe.ready).toBe(false);
  });

  it('opens its reader anew when the log takes probes and none comes back', async () => {
    probe.beat();
    await turn();
    await beat(20);
    expect(log.restarts).toBe(0);
    await beat(1);
    expect(log.restarts).toBe(1);
  });

  it('notices a log that dies although the clock was set back', async () => {
    probe.beat();
    await log.answers();
    clock.setBack(600 * SECOND);
    await beat(12);
    expect(log.written.length).toBeGreaterThan(1);
    expect(probe.ready).toBe(false);
    await beat(20);
    expect(log.restarts).toBe(1);
  });
});
