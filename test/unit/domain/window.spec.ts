import { Cursor } from '../../../src/domain/log/cursor';
import type { Rest } from '../../../src/domain/log/rest';
import { Window } from '../../../src/domain/log/window';
import type { Audience, Subscription } from '../../../src/domain/routing/audience';
import { frameOf } from '../../support/bare-frames';

const MiB = 1024 * 1024;

function user(
  uniqueId: string,
  over: Partial<{ clientType: string; tags: string[]; businesses: string[] }> = {},
): Subscription {
  return {
    uniqueId,
    clientType: over.clientType ?? 'H5',
    tags: new Set(over.tags ?? []),
    businesses: new Set(over.businesses ?? []),
  };
}

function to(uniqueId: string, clientType = ''): Audience {
  return { kind: 'unicast', uniqueId, clientType };
}

const EVERYBODY: Audience = { kind: 'broadcast', clientType: '' };

function tagged(tag: string): Audience {
  return { kind: 'multicast', tags: [tag], businesses: [], clientType: '' };
}

interface Line {
  readonly audience: Audience;
  readonly text: string;
  readonly key?: string;
  readonly time?: number;
  readonly expiresAt?: number;
  readonly sender?: string;
  readonly receipt?: boolean;
}

class Log {
  private offset: number;

  constructor(
    readonly window: Window,
    first = 0,
  ) {
    this.offset = first;
  }

  add({ audience, text, key, time = 1000, expiresAt = 0, sender, receipt = false }: Line): boolean {
    const offset = this.offset++;
    return this.window.append({
      offset,
      timestamp: 5000 + offset,
      time,
      id: key ?? `key-${String(offset)}`,
      sender,
      audience,
      expiresAt,
      receipt,
      late: false,
      frame: frameOf(text),
    });
  }

  skip(time = 1000): void {
    const offset = this.offset++;
    this.window.skip({ offset, timestamp: 5000 + offset, time });
  }
}

function textOf(frames: readonly Uint8Array[]): string {
  return Buffer.concat(frames).toString();
}

function aLog(over: Partial<{ maxAge: number; maxBytes: number; first: number }> = {}): Log {
  const { maxAge = 60_000, maxBytes = 64 * MiB, first = 0 } = over;
  return new Log(new Window({ maxAge, maxBytes }), first);
}

function replayed(log: Log, who: Subscription, after: number, budget = Infinity): string {
  return textOf(log.window.replay(who, after, budget, 2000).frames);
}

/** The same in pieces of some `budget` bytes, as a client takes it whose socket is slower. */
function inPieces(log: Log, who: Subscription, after: number, budget: number): string[] {
  const pieces: string[] = [];
  let rest: Rest | undefined;
  for (let position = after; ;) {
    const part = log.window.replay(who, position, budget, 2000, { rest });
    pieces.push(textOf(part.frames));
    position = part.upTo;
    rest = part.rest;
    if (part.complete) return pieces;
  }
}

describe('Window', () => {
  it('replays what is addressed to a reader after its cursor, in the order of the log', () => {
    const log = aLog();
    log.add({ audience: to('u1'), text: 'a' });
    log.add({ audience: to('u2'), text: 'b' });
    log.add({ audience: EVERYBODY, text: 'c' });
    log.add({ audience: to('u1'), text: 'd' });
    log.add({
      audience: { kind: 'multicast', tags: ['vip'], businesses: [], clientType: '' },
      text: 'e',
    });
    expect(replayed(log, user('u1'), -1)).toBe('acd');
    expect(replayed(log, user('u1'), 0)).toBe('cd');
    expect(replayed(log, user('u2', { tags: ['vip'] }), -1)).toBe('bce');
    expect(replayed(log, user('u1'), 4)).toBe('');
  });

  it('honours the client type of a unicast and of a broadcast', () => {
    const log = aLog();
    log.add({ audience: to('u1', 'APP'), text: 'a' });
    log.add({ audience: { kind: 'broadcast', clientType: 'H5' }, text: 'b' });
    expect(replayed(log, user('u1', { clientType: 'APP' }), -1)).toBe('a');
    expect(replayed(log, user('u1', { clientType: 'H5' }), -1)).toBe('b');
  });

  it('takes a message of a known key only once but keeps its position', () => {
    const log = aLog();
    expect(log.add({ audience: to('u1'), text: 'a', key: 'k' })).toBe(true);
    expect(log.add({ audience: to('u1'), text: 'b', key: 'k' })).toBe(false);
    expect(replayed(log, user('u1'), -1)).toBe('a');
    expect(log.window.last?.toString()).toBe('1-5001');
  });

  it('does not replay what has expired', () => {
    const log = aLog();
    log.add({ audience: to('u1'), text: 'a', expiresAt: 1999 });
    log.add({ audience: to('u1'), text: 'b', expiresAt: 2001 });
    expect(replayed(log, user('u1'), -1)).toBe('b');
  });

  it('ends a replay at the byte budget and goes on from there without loss or repetition', () => {
    const log = aLog();
    const all = Array.from({ length: 500 }, (_, i) => `<${String(i)}>`);
    for (const text of all) {
      log.add({ audience: to('u1'), text });
      log.add({ audience: to('u2'), text: 'other' });
    }
    const pieces = inPieces(log, user('u1'), -1, 100);
    expect(pieces.join('')).toBe(all.join(''));
    expect(pieces.length).toBeGreaterThan(10);
  });

  it('drops what is older than its age and says what a reader has missed', () => {
    const log = aLog({ maxAge: 1000 });
    for (let i = 0; i < 1024; i += 1) log.add({ audience: to('u1'), text: 'x', time: 1000 });
    log.add({ audience: to('u1'), text: 'y', time: 5000 });
    log.window.trim(5000);
    expect(log.window.count).toBe(1);
    expect(log.window.gapAt(new Cursor(10, 5010))).toEqual({
      from: new Cursor(10, 5010),
      to: new Cursor(1023, 6023),
      reason: 'WINDOW_PASSED',
    });
    expect(log.window.gapAt(new Cursor(1023, 6023))).toBeUndefined();
    expect(replayed(log, user('u1'), 1023)).toBe('y');
  });

  it('forgets the keys of what it drops', () => {
    const log = aLog({ maxAge: 1000 });
    log.add({ audience: to('u1'), text: 'a', key: 'k', time: 1000 });
    expect(log.window.has('k')).toBe(true);
    log.window.trim(9000);
    expect(log.window.has('k')).toBe(false);
    expect(log.add({ audience: to('u1'), text: 'b', key: 'k', time: 9000 })).toBe(true);
    expect(replayed(log, user('u1'), 0)).toBe('b');
  });

  it('tells nobody of a gap who has read all there was before a silence longer than its age', () => {
    const log = aLog({ maxAge: 1000 });
    for (let i = 0; i < 8; i += 1) log.add({ audience: to('u1'), text: 'x', time: 1000 });
    log.window.trim(9000);
    log.add({ audience: to('u1'), text: 'y', time: 9000 });
    expect(log.window.gapAt(new Cursor(7, 5007))).toBeUndefined();
    expect(replayed(log, user('u1'), 7)).toBe('y');
  });

  it('counts what expires and what clients sent as long as it holds it, and not after', () => {
    const log = aLog({ maxAge: 1000 });
    const empty = log.window.bytes;
    for (let i = 0; i < 5000; i += 1)
      log.add({ audience: to('u1'), text: 'x', time: 1000, expiresAt: 2000, sender: 'u2' });
    const rare = log.window.bytes;
    log.window.trim(9000);
    const plain = aLog();
    for (let i = 0; i < 5000; i += 1) plain.add({ audience: to('u1'), text: 'x' });
    expect(rare - plain.window.bytes).toBeGreaterThanOrEqual(5000 * 12);
    expect(log.window.bytes).toBeLessThanOrEqual(rare);
    expect(log.window.bytes).toBeGreaterThanOrEqual(empty);
  });

  it('counts audiences of their own and names that its frames do not tell, as long as it holds them', () => {
    const log = aLog({ maxAge: 1000 });
    const plain = aLog();
    for (let i = 0; i < 5000; i += 1) {
      const tags = Array.from({ length: 10 }, (_, k) => `tag-${String(i)}-${String(k)}`);
      const audience = { kind: 'multicast', tags, businesses: [], clientType: '' } as const;
      log.add({ audience, text: 'x', time: 1000 });
      plain.add({ audience: EVERYBODY, text: 'x' });
    }
    // The first thousand share a table.
    expect(log.window.bytes - plain.window.bytes).toBeGreaterThan(3900 * 10 * 40);
    log.window.trim(9000);
    expect(log.window.bytes).toBeLessThan(plain.window.bytes + MiB);
  });

  it('remembers no id from before it was cleared, and says so', () => {
    const log = aLog();
    log.add({ audience: to('u1'), text: 'x', key: 'k', time: 1000 });
    log.window.clear();
    expect(log.window.has('k')).toBe(false);
    expect(log.window.memory(1500)).toBe(500);
  });

  it('knows no id from before a loss was noticed, however old what it reads next is', () => {
    const log = aLog({ maxBytes: 2 * MiB, first: 10 });
    log.window.lose(new Cursor(9, 0), 5000);
    expect(log.window.memory(5500)).toBe(500);
    for (let i = 0; i < 3000; i += 1) log.add({ audience: to('u1'), text: 'z'.repeat(4000) });
    log.window.trim(1000);
    expect(log.window.memory(5500)).toBe(500);
    log.window.clear();
    expect(log.window.memory(5500)).toBe(500);
  });

  it('stays within its bytes whatever comes', () => {
    const log = aLog({ maxBytes: 2 * MiB });
    for (let i = 0; i < 3000; i += 1) {
      log.add({ audience: to(`u${String(i % 7)}`), text: 'z'.repeat(4000) });
      log.window.trim(2000);
    }
    expect(log.window.bytes).toBeLessThanOrEqual(2 * MiB);
    expect(log.window.gapAt(new Cursor(0, 5000))?.reason).toBe('WINDOW_PASSED');
    const last = log.window.replay(user('u3'), log.window.start.offset, Infinity, 2000);
    expect(last.count).toBeGreaterThan(10);
  });

  it('says how far back it knows ids when the bytes run out before the age', () => {
    const log = aLog({ maxBytes: 2 * MiB });
    log.add({ audience: to('u1'), text: 'a', time: 1000 });
    expect(log.window.memory(1500)).toBe(Infinity);
    for (let i = 0; i < 3000; i += 1) {
      log.add({ audience: to('u1'), text: 'z'.repeat(4000), time: 1000 + i, key: `k${String(i)}` });
      log.window.trim(1000 + i);
    }
    const memory = log.window.memory(4000);
    const oldest = 3000 - memory + 1;
    expect(memory).toBeLessThan(1000);
    expect(log.window.has(`k${String(oldest)}`)).toBe(true);
    expect(log.window.has(`k${String(oldest - 1)}`)).toBe(false);
  });

  it('holds a message larger than a segment', () => {
    const log = aLog();
    const big = 'b'.repeat(MiB);
    log.add({ audience: to('u1'), text: 'a' });
    log.add({ audience: to('u1'), text: big });
    log.add({ audience: to('u1'), text: 'c' });
    expect(replayed(log, user('u1'), -1)).toBe(`a${big}c`);
  });

  it('tells a cursor of another log by the time of its entry', () => {
    const log = aLog();
    log.add({ audience: to('u1'), text: 'a' });
    log.skip();
    expect(log.window.gapAt(new Cursor(1, 5001))).toBeUndefined();
    expect(log.window.gapAt(new Cursor(1, 4999))?.reason).toBe('OTHER_LOG');
    expect(log.window.gapAt(new Cursor(7, 5007))?.reason).toBe('OTHER_LOG');
  });

  it('tells a cursor of another log by its having no time where the entry has one', () => {
    const log = aLog();
    log.add({ audience: to('u1'), text: 'a' });
    log.skip();
    log.window.skip({ offset: 2, timestamp: 0, time: 1000 });
    expect(log.window.gapAt(new Cursor(0, 0))?.reason).toBe('OTHER_LOG');
    expect(log.window.gapAt(new Cursor(2, 0))).toBeUndefined();
    // Between two entries there is nothing to compare.
    expect(log.window.gapAt(new Cursor(0.999, 0))).toBeUndefined();
  });

  it('names a position by the time of its entry, where it has one', () => {
    const log = aLog();
    log.add({ audience: to('u1'), text: 'a' });
    log.window.skip({ offset: 1, timestamp: 0, time: 1000 });
    const positions = [0, 0.5, 1, 2].map((offset) => log.window.positionAt(offset));
    expect(positions.map(String)).toEqual(['0-5000', '0.500-0', '1-0', '2-0']);
    for (const position of positions.slice(0, 3))
      expect(log.window.gapAt(position)).toBeUndefined();
  });

  it('tells a cursor of another log by an entry without a time, and by there being none', () => {
    const log = aLog();
    log.window.skip({ offset: 0, timestamp: 0, time: 1000 });
    log.add({ audience: to('u1'), text: 'a' });
    expect(log.window.gapAt(new Cursor(0, 1234))?.reason).toBe('OTHER_LOG');
    expect(log.window.gapAt(new Cursor(0.001, 1234))?.reason).toBe('OTHER_LOG');
  });

  it('starts in the middle of a log and calls what is before it a gap', () => {
    const log = aLog({ first: 100 });
    log.add({ audience: to('u1'), text: 'a' });
    expect(log.window.gapAt(new Cursor(50, 5050))?.to.offset).toBe(99.999);
    expect(log.window.gapAt(new Cursor(99.999, 0))).toBeUndefined();
  });

  it('leaves out what another identity of the same connection has received', () => {
    const log = aLog();
    log.add({ audience: EVERYBODY, text: 'a' });
    log.add({ audience: to('anonymous'), text: 'b' });
    log.add({ audience: to('user'), text: 'c' });
    log.add({ audience: EVERYBODY, text: 'd' });
    log.add({ audience: EVERYBODY, text: 'e' });
    const { offset } = log.window.last ?? new Cursor(0, 0);
    const as = user('anonymous');
    const without = (after: number, upTo: number): string =>
      textOf(
        log.window.replay(user('user'), -1, Infinity, 2000, { received: [{ as, after, upTo }] })
          .frames,
      );
    expect(without(-1, offset)).toBe('c');
    expect(without(-1, offset - 1)).toBe('ce');
    expect(without(0, offset)).toBe('ac');
  });

  it('walks a chain once for all pieces, and brings what comes meanwhile in its place', () => {
    const log = aLog();
    let seed = 11;
    const random = (n: number): number => {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
      return Math.floor((seed / 2_147_483_648) * n);
    };
    const readers = [user('u0', { tags: ['t1'] }), user('u1')].map((who) => ({
      who,
      position: -1,
      rest: undefined as Rest | undefined,
      got: '',
    }));
    const expected = ['', ''];
    const read = (reader: (typeof readers)[number], budget: number): boolean => {
      const { who, position, rest } = reader;
      const part = log.window.replay(who, position, budget, 2000, { rest });
      reader.got += textOf(part.frames);
      reader.position = part.upTo;
      reader.rest = part.rest;
      return part.complete;
    };
    for (let i = 0; i < 6000; i += 1) {
      const kind = random(8);
      const text = `[${String(i)}${'.'.repeat(random(300))}]`;
      const audience: Audience =
        kind === 0
          ? EVERYBODY
          : kind === 1
            ? { kind: 'multicast', tags: ['t1'], businesses: [], clientType: '' }
            : to(`u${String(random(2))}`);
      log.add({ audience, text });
      readers.forEach(({ who }, k) => {
        if (isFor(audience, who)) expected[k] = (expected[k] ?? '') + text;
      });
      for (const reader of readers) if (random(40) === 0) read(reader, random(4000));
    }
    for (const reader of readers) while (!read(reader, random(4000)));
    expect(readers.map(({ got }) => got)).toEqual(expected);
  });

  it('does not go on with what another reader, or another position, has left', () => {
    const log = aLog();
    for (const text of ['a', 'b', 'c', 'd']) log.add({ audience: to('u1'), text });
    log.add({ audience: to('u2'), text: 'e' });
    const { rest, upTo } = log.window.replay(user('u1'), -1, 2, 2000);
    expect(upTo).toBe(1);
    expect(textOf(log.window.replay(user('u2'), 1, 9, 2000, { rest }).frames)).toBe('e');
    expect(textOf(log.window.replay(user('u1'), 0, 9, 2000, { rest }).frames)).toBe('bcd');
    expect(textOf(log.window.replay(user('u1'), 1, 9, 2000, { rest }).frames)).toBe('cd');
  });

  it('looks at so many entries and no more at a time, wanted or not, and goes on from there', () => {
    const log = aLog();
    for (let i = 0; i < 20_000; i += 1)
      log.add({ audience: tagged(`t${String(i % 50)}`), text: 'x' });
    log.add({ audience: to('u1'), text: 'a' });
    log.add({ audience: tagged('mine'), text: 'b' });
    const who = user('u1', { tags: ['mine'] });
    let pieces = 0;
    let got = '';
    for (let after = -1, rest: Rest | undefined, complete = false; !complete; pieces += 1) {
      const part = log.window.replay(who, after, Infinity, 2000, { rest, looks: 3000 });
      // A segment more or less.
      expect(part.looked).toBeLessThan(3000 + 1100);
      expect(part.upTo).toBeGreaterThan(after);
      got += textOf(part.frames);
      ({ upTo: after, rest, complete } = part);
    }
    expect(got).toBe('ab');
    expect(pieces).toBeGreaterThan(4);
    expect(pieces).toBeLessThan(8);
  });

  it('does not look at what came after its first piece before it goes on beyond that', () => {
    const log = aLog();
    const others = (segments: number): void => {
      for (let i = 0; i < segments * 1024; i += 1)
        log.add({ audience: tagged(`t${String(i % 50)}`), text: 'x' });
    };
    others(3);
    log.add({ audience: to('u1'), text: 'a' });
    const who = user('u1');
    let part = log.window.replay(who, -1, Infinity, 2000, { looks: 1000 });
    others(200);
    log.add({ audience: to('u1'), text: 'b' });
    let got = '';
    while (part.rest !== undefined) {
      const { rest, upTo } = part;
      part = log.window.replay(who, upTo, Infinity, 2000, { rest, looks: 1000 });
      // A segment.
      expect(part.looked).toBeLessThan(1100);
      got += textOf(part.frames);
    }
    expect([got, part.upTo, part.complete]).toEqual(['a', 3 * 1024, false]);
    expect(replayed(log, who, part.upTo)).toBe('b');
  });

  it('does not look at entries for others where these are all that there is', () => {
    const log = aLog();
    for (let i = 0; i < 50_000; i += 1) {
      const app: Audience = { kind: 'broadcast', clientType: 'APP' };
      log.add({ audience: i % 2 ? tagged(`t${String(i % 10)}`) : app, text: 'x' });
      if (i === 20_000) log.add({ audience: tagged('mine'), text: 'a' });
      if (i === 30_000) log.add({ audience: to('u1'), text: 'b' });
      if (i === 40_000) log.add({ audience: EVERYBODY, text: 'c' });
    }
    const who = user('u1', { tags: ['mine'] });
    const { frames, looked, complete } = log.window.replay(who, -1, Infinity, 2000);
    expect([textOf(frames), complete]).toEqual(['abc', true]);
    expect(looked).toBeLessThan(4000);
    let got = '';
    for (let after = -1, rest: Rest | undefined, whole = false; !whole;) {
      const part = log.window.replay(who, after, Infinity, 2000, { rest, looks: 1 });
      expect(part.upTo).toBeGreaterThan(after);
      got += textOf(part.frames);
      ({ upTo: after, rest, complete: whole } = part);
    }
    expect(got).toBe('abc');
  });

  it('finds what is for a reader by a label that more others share the table with than it has room for', () => {
    const log = aLog();
    for (let i = 0; i < 2048; i += 1) log.add({ audience: tagged(`t${String(i)}`), text: 'x' });
    for (let i = 0; i < 2048; i += 1) log.add({ audience: tagged('mine'), text: 'a' });
    expect(replayed(log, user('u1', { tags: ['mine'] }), -1)).toBe('a'.repeat(2048));
  });

  it('finds what is for a reader in whatever pieces, among stretches with much and with nothing for it', () => {
    let seed = 5;
    const random = (n: number): number => {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
      return Math.floor((seed / 2_147_483_648) * n);
    };
    const log = aLog({ maxBytes: 4 * MiB });
    const plain: { offset: number; audience: Audience; text: string }[] = [];
    const who = user('u0', { tags: ['t1', 't900'] });
    for (let i = 0; i < 40_000; i += 1) {
      // By turns labels of others, few and many, those of the reader, and more than share a table.
      const stretch = Math.floor(i / 3000) % 4;
      const label = [2 + random(5), 2 + random(40), random(3), random(3000)][stretch] ?? 0;
      const audience = random(200) === 0 ? to('u0') : tagged(`t${String(label)}`);
      const text = `[${String(i)}]`;
      log.add({ audience, text });
      plain.push({ offset: i, audience, text });
      log.window.trim(2000);
      if (i % 1999 !== 0) continue;
      const after = Math.max(log.window.start.offset, i - random(20_000));
      const missed = plain.filter((line) => line.offset > after && isFor(line.audience, who));
      const expected = missed.map((line) => line.text).join('');
      expect(replayed(log, who, after)).toBe(expected);
      let got = '';
      for (let position = after, rest: Rest | undefined, complete = false; !complete;) {
        const looks = 1 + random(5000);
        const part = log.window.replay(who, position, 1 + random(3000), 2000, { rest, looks });
        got += textOf(part.frames);
        ({ upTo: position, rest, complete } = part);
      }
      expect(got).toBe(expected);
    }
  });

  it('agrees with a plain list over a long random history', () => {
    let seed = 7;
    const random = (n: number): number => {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
      return seed % n;
    };
    const log = aLog({ maxBytes: 3 * MiB });
    const plain: { offset: number; audience: Audience; text: string }[] = [];
    const readers = [
      user('u0', { tags: ['t1'] }),
      user('u1', { clientType: 'APP', businesses: ['b1'] }),
      user('u2'),
    ];
    for (let i = 0; i < 20_000; i += 1) {
      const text = `[${String(i)}${'.'.repeat(random(300))}]`;
      const audiences: Audience[] = [
        to(`u${String(random(4))}`),
        to(`u${String(random(4))}`, 'APP'),
        EVERYBODY,
        { kind: 'multicast', tags: random(2) ? ['t1'] : [], businesses: ['b1'], clientType: '' },
        { kind: 'multicast', tags: ['t1'], businesses: [], clientType: '' },
      ];
      const audience = audiences[random(audiences.length)] ?? EVERYBODY;
      log.add({ audience, text });
      plain.push({ offset: i, audience, text });
      log.window.trim(2000);
      if (i % 997 !== 0) continue;
      const reader = readers[random(3)] ?? user('u0');
      const after = Math.max(log.window.start.offset, i - random(5000));
      const expected = plain.filter((line) => line.offset > after && isFor(line.audience, reader));
      const missed = expected.map((line) => line.text).join('');
      expect(replayed(log, reader, after)).toBe(missed);
      expect(inPieces(log, reader, after, 1 + random(20_000)).join('')).toBe(missed);
    }
  });
});

/** Written anew here, so that the window is not checked by its own rule. */
function isFor(audience: Audience, who: Subscription): boolean {
  if (audience.clientType !== '' && audience.clientType !== who.clientType) return false;
  if (audience.kind === 'broadcast') return true;
  if (audience.kind === 'unicast') return audience.uniqueId === who.uniqueId;
  const tagged = audience.tags.length === 0 || audience.tags.some((tag) => who.tags.has(tag));
  return (
    tagged &&
    (audience.businesses.length === 0 || audience.businesses.some((b) => who.businesses.has(b)))
  );
}
