import { Logger } from '@nestjs/common';

import { LogClaims } from '../../../src/application/log/log-claims';
import { LogFollower } from '../../../src/application/log/log-follower';
import { LogProbe } from '../../../src/application/log/log-probe';
import { LogReader, LogWriter, type NewEntry } from '../../../src/application/ports/message-log';
import { Subscriber } from '../../../src/application/delivery/subscriber';
import { Refusal } from '../../../src/domain/errors';
import { Cursor } from '../../../src/domain/log/cursor';
import type { MessageEntry } from '../../../src/domain/log/log-entry';
import type { Gap } from '../../../src/domain/log/window';
import { BARE_FRAMES } from '../../support/bare-frames';
import { FakeClock } from '../../support/fake-clock';
import { RecordingMetrics } from '../../support/recording-metrics';
import { turns } from '../../support/turns';

class AcceptingLog extends LogWriter {
  override blocked = false;
  readonly appended: NewEntry[] = [];

  override append(entry: NewEntry): Promise<void> {
    this.appended.push(entry);
    return Promise.resolve();
  }
}

/** Confirms an entry when it is told to, the oldest first. */
class SlowLog extends AcceptingLog {
  private readonly open: { resolve: () => void; reject: (reason: Refusal) => void }[] = [];

  override append(entry: NewEntry): Promise<void> {
    this.appended.push(entry);
    return new Promise((resolve, reject) => this.open.push({ resolve, reject }));
  }

  confirm(): void {
    this.open.shift()?.resolve();
  }

  fail(): void {
    this.open.shift()?.reject(new Refusal('UNKNOWN_OUTCOME'));
  }
}

class CountingReader extends LogReader {
  restarts = 0;
  looks = 0;
  end: Promise<boolean> = Promise.resolve(true);

  override start(): Promise<void> {
    return Promise.resolve();
  }

  override isAtEnd(): Promise<boolean> {
    this.looks += 1;
    return this.end;
  }

  override restart(): void {
    this.restarts += 1;
  }

  override stop(): Promise<void> {
    return Promise.resolve();
  }
}

function aFollower(): { follower: LogFollower; clock: FakeClock; metrics: RecordingMetrics } {
  const [clock, metrics] = [new FakeClock(), new RecordingMetrics()];
  const follower = new LogFollower(
    { maxAge: 60_000, maxBytes: 1e7 },
    1000,
    BARE_FRAMES,
    clock,
    metrics,
  );
  return { follower, clock, metrics };
}

const u1 = { uniqueId: 'u1', clientType: '', tags: new Set(''), businesses: new Set('') };
const receiver = {
  channel: { write: () => undefined, buffered: 0 },
  acknowledges: true,
  gapFrame: () => new Uint8Array(1),
};
let offset = 0;

function aMessage(uniqueId: string, time: number, timestamp = time): MessageEntry {
  const body = Buffer.from('{"content":1}');
  const audience = { kind: 'unicast', uniqueId, clientType: '' } as const;
  const id = `m${String(++offset)}`;
  const never = { sender: undefined, expiresAt: 0, receipt: false };
  return { kind: 'message', id, offset, timestamp, time, audience, body, ...never };
}

describe('LogFollower', () => {
  it('counts an entry that is no message and logs its offset and the reason', () => {
    const warn = jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
    const { follower, metrics } = aFollower();
    follower.entry({ kind: 'invalid', offset: 17, timestamp: 0, time: 1, reason: 'BAD_JSON: no' });
    expect(metrics.total('entriesInvalid')).toBe(1);
    expect(warn.mock.calls[0]?.[0]).toBe('log entry 17 skipped: BAD_JSON: no');
    expect(follower.applied?.offset).toBe(17);
    warn.mockRestore();
  });

  it('tells live clients what the log has lost and keeps nothing from before', () => {
    const warn = jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
    const { follower, clock, metrics } = aFollower();
    const gaps: Gap[] = [];
    const watching = {
      ...receiver,
      gapFrame: (gap: Gap) => {
        gaps.push(gap);
        return new Uint8Array(1);
      },
    };
    const probe = { kind: 'probe', id: 'p', timestamp: 1, time: 1 } as const;
    follower.lost(4);
    expect(gaps).toEqual([]);
    follower.entry({ ...probe, offset: 5 });
    follower.delivery.attach(new Subscriber(u1, watching, 5));
    follower.entry({ ...probe, offset: 7 });
    expect(gaps).toEqual([]);
    expect(follower.window.memory(clock.now())).toBe(Infinity);
    follower.lost(99);
    follower.entry({ ...probe, offset: 100 });
    clock.advance(10);
    expect(follower.window.memory(clock.now())).toBe(10);
    expect(follower.claims.memory(clock.now())).toBe(10);
    expect(gaps.map(({ from, to }) => [from.offset, to.offset])).toEqual([[7, 99.999]]);
    expect(metrics.total('logHoles')).toBe(1);
    expect(follower.window.gapAt(new Cursor(6, 1))?.reason).toBe('WINDOW_PASSED');
    expect(follower.window.gapAt(new Cursor(99, 1))?.reason).toBe('WINDOW_PASSED');
    expect(follower.window.gapAt(new Cursor(99.999, 0))).toBeUndefined();
    warn.mockRestore();
  });
});

describe('the counts of a log', () => {
  it('are of every entry, and of those which are no message, were repeated or came too late', () => {
    const { follower, clock, metrics } = aFollower();
    const counts = (): number[] =>
      (['entriesRead', 'entriesInternal', 'entriesDuplicate', 'entriesExpired'] as const).map(
        (name) => metrics.total(name),
      );
    const time = clock.now();
    const message = aMessage('u1', time);
    follower.entry(message);
    expect(counts()).toEqual([1, 0, 0, 0]);
    follower.entry({ kind: 'probe', id: 'p', offset: ++offset, timestamp: time, time });
    expect(counts()).toEqual([2, 1, 0, 0]);
    const claims = [{ key: 'k', claimant: 'c' }];
    follower.entry({ kind: 'claims', claims, offset: ++offset, timestamp: time, time });
    expect(counts()).toEqual([3, 2, 0, 0]);
    follower.entry({ ...message, offset: ++offset });
    expect(counts()).toEqual([4, 2, 1, 0]);
    follower.entry({ ...aMessage('u1', time), expiresAt: time - 1 });
    expect(counts()).toEqual([5, 2, 1, 1]);
  });

  it('are of every log that takes the place of another, also when nobody is told', () => {
    const error = jest.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
    const { follower, clock, metrics } = aFollower();
    follower.entry(aMessage('u1', clock.now()));
    follower.reset();
    expect(metrics.total('logResets')).toBe(1);
    expect(follower.applied).toBeUndefined();
    error.mockRestore();
  });
});

describe('the latency of deliveries', () => {
  function taken(metrics: RecordingMetrics): [number, number][] {
    return [...metrics.times()].flatMap((count, ms) => (count > 0 ? [[ms, count]] : []));
  }

  it('is measured once a tick, by its oldest message', () => {
    const { follower, clock, metrics } = aFollower();
    follower.delivery.attach(new Subscriber(u1, receiver, 0));
    const time = clock.now();
    clock.advance(25);
    for (const later of [0, 5, 20]) follower.entry(aMessage('u1', time + later));
    follower.delivery.flush();
    expect(taken(metrics)).toEqual([[25, 1]]);
    clock.advance(5);
    follower.entry(aMessage('u1', time + 23));
    follower.delivery.flush();
    // The clock of the node that logged it may be ahead.
    follower.entry(aMessage('u1', clock.now() + 50));
    follower.delivery.flush();
    expect(taken(metrics)).toEqual([
      [0, 1],
      [7, 1],
      [25, 1],
    ]);
  });

  it('is not measured where nobody gets it, or nobody knows when it was logged', () => {
    const { follower, clock, metrics } = aFollower();
    follower.delivery.attach(new Subscriber(u1, receiver, 0));
    const time = clock.now();
    clock.advance(25);
    follower.entry(aMessage('somebody-else', time));
    follower.delivery.flush();
    follower.entry(aMessage('u1', time, 0));
    follower.delivery.flush();
    expect(taken(metrics)).toEqual([]);
    expect(metrics.total('framesDelivered')).toBe(1);
  });
});

describe('a message without a recipient here', () => {
  it('costs no tick', () => {
    const { follower, clock } = aFollower();
    const turns = jest.spyOn(globalThis, 'setImmediate');
    follower.entry({
      ...aMessage('u1', clock.now()),
      audience: { kind: 'broadcast', clientType: '' },
    });
    expect(turns).not.toHaveBeenCalled();
    follower.delivery.attach(new Subscriber(u1, receiver, 0));
    // A replay that had to look at something asks for one.
    turns.mockClear();
    follower.entry(aMessage('somebody-else', clock.now()));
    expect(turns).not.toHaveBeenCalled();
    follower.entry(aMessage('u1', clock.now()));
    expect(turns).toHaveBeenCalledTimes(1);
    turns.mockRestore();
  });

  it('leaves the window no more room than it has', async () => {
    const { follower, clock } = aFollower();
    const body = Buffer.from(JSON.stringify({ content: 'x'.repeat(10_000) }));
    let most = 0;
    for (let i = 0; i < 3000; i += 1) {
      follower.entry({ ...aMessage('somebody-else', clock.now()), body });
      if (i % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
      most = Math.max(most, follower.window.bytes);
    }
    // A segment more, which had to come first.
    expect(most).toBeLessThan(1e7 + 400_000);
    expect(follower.window.count).toBeGreaterThan(500);
  });
});

describe('LogProbe', () => {
  function aProbe(): ReturnType<typeof aFollower> & {
    probe: LogProbe;
    log: AcceptingLog;
    reader: CountingReader;
  } {
    const parts = aFollower();
    const [log, reader] = [new AcceptingLog(), new CountingReader()];
    const probe = new LogProbe(log, reader, parts.follower, parts.clock, 5000);
    return { ...parts, probe, log, reader };
  }

  function readBack(log: AcceptingLog, follower: LogFollower, offset: number): void {
    const entry = log.appended.at(-1);
    if (entry?.kind !== 'probe') throw new Error('no probe was written');
    follower.entry({ kind: 'probe', id: entry.id, offset, timestamp: 1, time: 1 });
  }

  async function beats(clock: FakeClock, probe: LogProbe, seconds: number): Promise<void> {
    for (let second = 0; second < seconds; second += 1) {
      clock.advance(1000);
      probe.beat();
      await turns();
    }
  }

  it('is ready while its entries come back, and no longer when they have not for a while', async () => {
    const { probe, log, follower, clock } = aProbe();
    expect(probe.ready).toBe(false);
    const flying = probe.probe();
    readBack(log, follower, 0);
    await flying;
    expect(probe.ready).toBe(true);
    clock.advance(13_000);
    expect(probe.ready).toBe(false);
  });

  describe('while the log takes nothing from anybody', () => {
    it('stays ready for as long as the node has read to its end, and writes no probes', async () => {
      const { probe, log, follower, reader, clock } = aProbe();
      const flying = probe.probe();
      readBack(log, follower, 0);
      await flying;
      log.blocked = true;
      await beats(clock, probe, 60);
      expect(probe.ready).toBe(true);
      expect(probe.lag).toBe(0);
      expect(reader.looks).toBe(12);
      expect(log.appended).toHaveLength(1);
      reader.end = Promise.resolve(false);
      await beats(clock, probe, 13);
      expect(probe.ready).toBe(false);
    });

    it('is not ready when the log cannot be asked, and asks once at a time', async () => {
      const { probe, log, reader, clock } = aProbe();
      log.blocked = true;
      reader.end = Promise.reject(new Error('the channel is closed'));
      await beats(clock, probe, 2);
      expect(probe.ready).toBe(false);
      expect(reader.looks).toBe(2);
      reader.end = new Promise(() => undefined);
      await beats(clock, probe, 20);
      expect(reader.looks).toBe(3);
    });

    it('does not count an end that was looked at before the log took entries again', async () => {
      const { probe, log, reader, clock } = aProbe();
      log.blocked = true;
      let answer: (isAtEnd: boolean) => void = () => undefined;
      reader.end = new Promise((resolve) => (answer = resolve));
      await beats(clock, probe, 1);
      log.blocked = false;
      answer(true);
      await beats(clock, probe, 1);
      expect(probe.ready).toBe(false);
      expect(log.appended).toHaveLength(1);
    });
  });

  it('knows how far the node is behind, also while nothing comes back', async () => {
    const { probe, log, follower, clock } = aProbe();
    const first = probe.probe();
    clock.advance(40);
    readBack(log, follower, 0);
    await first;
    expect(probe.lag).toBe(40);
    const second = probe.probe();
    clock.advance(30);
    expect(probe.lag).toBe(40);
    clock.advance(5970);
    probe.beat();
    await expect(second).rejects.toThrow('the log did not answer in time');
    clock.advance(1000);
    expect(probe.lag).toBe(7000);
    const third = probe.probe();
    clock.advance(3);
    readBack(log, follower, 1);
    await third;
    expect(probe.lag).toBe(3);
  });

  it('knows a cursor that the node has yet to read from one that the log does not have', async () => {
    const { probe, log, follower } = aProbe();
    const lagging = probe.reach(new Cursor(1, 1));
    follower.entry({ kind: 'claims', claims: [], offset: 0, timestamp: 1, time: 1 });
    follower.entry({ kind: 'claims', claims: [], offset: 1, timestamp: 1, time: 1 });
    readBack(log, follower, 2);
    expect(await lagging).toBe(true);
    const foreign = probe.reach(new Cursor(99, 1));
    readBack(log, follower, 3);
    expect(await foreign).toBe(false);
  });

  it('opens a reader anew that stands still although the log takes entries, and not one that only lags', async () => {
    const warn = jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
    const { probe, reader, clock, follower } = aProbe();
    let offset = 0;
    async function beat(seconds: number, reading: boolean): Promise<void> {
      for (let second = 0; second < seconds; second += 1) {
        clock.advance(1000);
        if (reading)
          follower.entry({ kind: 'claims', claims: [], offset: offset++, timestamp: 1, time: 1 });
        probe.beat();
        await turns();
      }
    }
    await beat(60, true);
    expect(reader.restarts).toBe(0);
    await beat(45, false);
    expect(reader.restarts).toBe(1);
    warn.mockRestore();
  });

  it('goes by seconds that have passed, also when the clock is set back meanwhile', async () => {
    const warn = jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
    const { probe, log, reader, clock, follower } = aProbe();
    probe.beat();
    await turns();
    readBack(log, follower, 0);
    expect([probe.ready, probe.lag]).toEqual([true, 0]);
    clock.setBack(600_000);
    await beats(clock, probe, 11);
    expect([probe.ready, probe.lag]).toEqual([true, 6000]);
    await beats(clock, probe, 1);
    expect(probe.ready).toBe(false);
    expect(log.appended.length).toBeGreaterThan(1);
    // A probe went out in the fifth second.
    await beats(clock, probe, 13);
    expect(reader.restarts).toBe(0);
    await beats(clock, probe, 1);
    expect(reader.restarts).toBe(1);
    warn.mockRestore();
  });
});

describe('LogClaims', () => {
  it('writes the claims of one tick as one entry and answers each from the log', async () => {
    const { follower, clock } = aFollower();
    const log = new AcceptingLog();
    const claims = new LogClaims(log, follower, clock, 5000);
    const asked = [claims.claim('k', 'a'), claims.claim('k', 'b'), claims.claim('other', 'b')];
    await new Promise((resolve) => setImmediate(resolve));
    expect(log.appended).toHaveLength(1);
    const [entry] = log.appended;
    if (entry?.kind !== 'claims') throw new Error('no claims were written');
    follower.entry({ kind: 'claims', claims: entry.claims, offset: 0, timestamp: 1, time: 1 });
    expect(await Promise.all(asked)).toEqual([true, false, true]);
    expect(await claims.claim('k', 'c')).toBe(false);
    expect(log.appended).toHaveLength(1);
  });

  describe('while an entry waits for its confirm', () => {
    beforeEach(() => {
      jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate'] });
    });
    afterEach(() => jest.useRealTimers());

    function keysOf(log: AcceptingLog): string[][] {
      return log.appended.map((entry) =>
        entry.kind === 'claims' ? entry.claims.map(({ key }) => key) : [],
      );
    }

    async function underWay(): Promise<{ log: SlowLog; claim: (key: string) => Promise<void> }> {
      const { follower, clock } = aFollower();
      const log = new SlowLog();
      const claims = new LogClaims(log, follower, clock, 5000);
      const claim = async (key: string): Promise<void> => {
        claims.claim(key, 'a').catch(() => undefined);
        await new Promise((resolve) => setImmediate(resolve));
      };
      await claim('k1');
      await claim('k2');
      await claim('k3');
      expect(keysOf(log)).toEqual([['k1']]);
      return { log, claim };
    }

    it('gathers what comes then, and writes it at the confirm', async () => {
      const { log, claim } = await underWay();
      log.confirm();
      await new Promise((resolve) => setImmediate(resolve));
      expect(keysOf(log)).toEqual([['k1'], ['k2', 'k3']]);
      log.confirm();
      await claim('k4');
      expect(keysOf(log).at(-1)).toEqual(['k4']);
      expect(jest.getTimerCount()).toBe(0);
    });

    it('goes on after 3 ms when the confirm takes longer, and after one that fails', async () => {
      const { log, claim } = await underWay();
      jest.advanceTimersByTime(2);
      expect(keysOf(log)).toHaveLength(1);
      jest.advanceTimersByTime(1);
      expect(keysOf(log)).toEqual([['k1'], ['k2', 'k3']]);
      log.fail();
      log.fail();
      await new Promise((resolve) => setImmediate(resolve));
      await claim('k4');
      expect(keysOf(log).at(-1)).toEqual(['k4']);
    });
  });

  it('gives up when the log does not answer in time', async () => {
    const { follower, clock } = aFollower();
    const claims = new LogClaims(new AcceptingLog(), follower, clock, 5000);
    const asked = claims.claim('k', 'a');
    clock.advance(5001);
    claims.sweep();
    await expect(asked).rejects.toMatchObject({ code: 'UNKNOWN_OUTCOME', retryable: true });
  });
});
