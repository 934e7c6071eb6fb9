import { Cursor } from '../../../src/domain/log/cursor';
import { Window } from '../../../src/domain/log/window';
import { NODE_SENDER } from '../../../src/domain/message/message';
import type { Audience, Subscription } from '../../../src/domain/routing/audience';
import { frameOf } from '../../support/bare-frames';
import { formatCursor, positionOf } from '../../../src/protocol/cursor';

const MiB = 1024 * 1024;

interface Sent {
  readonly to?: string;
  readonly id: string;
  readonly from?: string;
  readonly clientType?: string;
}

/** A window with frames as clients get them: names in the body, the id last. */
class Log {
  readonly window: Window;
  payload = 0;
  entry = 0;

  constructor(maxBytes = 256 * MiB, maxAge = 1000) {
    this.window = new Window({ maxAge, maxBytes });
  }

  add(sent: Sent, time = 0, position = this.entry++): boolean {
    const { to, id, from, clientType = '' } = sent;
    const audience: Audience =
      to === undefined
        ? { kind: 'broadcast', clientType }
        : { kind: 'unicast', uniqueId: to, clientType };
    const names = { ...(from !== undefined && { fromUniqueId: from }), toUniqueId: to };
    const body = JSON.stringify({ sendType: 'x', ...names, content: { pad: 'p'.repeat(100) } });
    const end = `,"cursor":"${formatCursor(position, 1)}","messageId":"${id}"}`;
    const header = Buffer.from([0x81, 100]);
    const frame = Buffer.concat([header, Buffer.from(body.slice(0, -1)), Buffer.from(end)]);
    const at = { offset: position, timestamp: 1, time };
    const isNew = this.window.append({
      ...at,
      id,
      sender: from,
      audience,
      expiresAt: 0,
      receipt: false,
      late: false,
      frame: frameOf(frame),
    });
    if (isNew) this.payload += frame.length;
    return isNew;
  }

  ids(uniqueId: string, after = -1, clientType = ''): string[] {
    const to = reader(uniqueId, clientType);
    const { frames } = this.window.replay(to, after, Infinity, 0);
    const text = Buffer.concat(frames).toString();
    return [...text.matchAll(/"messageId":"([^"]*)"/g)].map(([, id]) => id ?? '');
  }
}

function reader(uniqueId: string, clientType = ''): Subscription {
  return { uniqueId, clientType, tags: new Set(), businesses: new Set() };
}

describe('Window', () => {
  it('takes an id once of each sender, and a service is a sender of its own', () => {
    const log = new Log();
    const senders = [undefined, 'a', 'b', '用户"', ''];
    for (const from of senders) {
      const sent = { to: 'u1', id: 'm1', ...(from !== undefined && { from }) };
      expect(log.window.has('m1', from)).toBe(false);
      expect(log.add(sent)).toBe(true);
      expect(log.add(sent)).toBe(false);
      expect(log.window.has('m1', from)).toBe(true);
    }
    expect(log.window.has('m', 'a')).toBe(false);
    expect(log.window.has('1')).toBe(false);
    expect(log.ids('u1')).toHaveLength(senders.length);
  });

  it('never takes one id for another, whatever their hashes, while it grows and shrinks', () => {
    const log = new Log(256 * MiB, 100);
    const name = (i: number): string => `u${String(i % 5000)}`;
    for (let i = 0; i < 120_000; i += 1) {
      const time = Math.floor(i / 500);
      if (!log.add({ to: name(i), id: i.toString(36) }, time)) throw new Error(`lost ${String(i)}`);
      if (i % 7 === 0 && log.add({ to: name(i), id: i.toString(36) }, time))
        throw new Error(`doubled ${String(i)}`);
      const before = i - ((i * 7919) % 40_000);
      if (before >= 0 && !log.window.has(before.toString(36)))
        throw new Error(`forgot ${String(before)} at ${String(i)}`);
      if (i % 5000 === 0) log.window.trim(time);
    }
    log.window.trim(10_000);
    expect(log.window.count).toBe(0);
    expect(log.add({ to: 'u1', id: '0' }, 10_000)).toBe(true);
    expect(log.ids('u1')).toEqual(['0']);
  });

  it('finds a recipient among many, in order, when older ones were dropped', () => {
    const log = new Log(256 * MiB, 50);
    const users = 3000;
    for (let i = 0; i < 60_000; i += 1) {
      log.add({ to: `ü${String((i * 7919) % users)}`, id: `m${String(i)}` }, Math.floor(i / 400));
      if (i % 1000 === 999) log.window.trim(Math.floor(i / 400));
    }
    const kept = Math.ceil(log.window.start.offset) + 1;
    for (let user = 0; user < users; user += 97) {
      const expected: string[] = [];
      for (let i = kept; i < 60_000; i += 1)
        if ((i * 7919) % users === user) expected.push(`m${String(i)}`);
      expect(log.ids(`ü${String(user)}`)).toEqual(expected);
    }
    expect(log.ids('ü')).toEqual([]);
  });

  it('knows a recipient whose name does not stand in the frame as JSON would write it', () => {
    const log = new Log();
    const audience: Audience = { kind: 'unicast', uniqueId: 'é', clientType: '' };
    const frame = frameOf('{"toUniqueId":"\\u00e9"}');
    const at = { offset: 0, timestamp: 1, time: 0, expiresAt: 0, receipt: false, late: false };
    log.window.append({ ...at, id: 'm1', sender: 'ß', audience, frame });
    expect(log.window.replay(reader('é'), -1, Infinity, 0).count).toBe(1);
    expect(log.window.replay(reader('e'), -1, Infinity, 0).count).toBe(0);
    expect(log.window.has('m1', 'ß')).toBe(true);
    expect(log.window.has('m1', 'ss')).toBe(false);
  });

  it('finds a message by its id and its sender, whoever that is, and by its position', () => {
    const log = new Log();
    for (const [id, from] of [
      ['m1', undefined],
      ['m1', 'u9'],
      ['m2', 'ü"9'],
    ] as const)
      log.add({ id, to: 'u1', ...(from !== undefined && { from }) });
    log.window.skip({ offset: 3, timestamp: 1, time: 7 });
    for (const [offset, id, sender] of [
      [0, 'm1', undefined],
      [1, 'm1', 'u9'],
      [2, 'm2', 'ü"9'],
    ] as const) {
      const found = log.window.find(id, sender);
      const cursor = { offset, timestamp: 1 };
      expect(found).toMatchObject({ id, sender, recipient: 'u1', cursor, expiresAt: 0 });
      expect(Buffer.from(found?.frame ?? []).toString()).toContain(`"messageId":"${id}"}`);
      expect(log.window.at(offset)).toEqual(found);
    }
    expect(log.window.find('m2')).toBeUndefined();
    expect(log.window.find('m3', 'u9')).toBeUndefined();
    for (const nothing of [-1, 0.001, 2.5, 3, 4]) expect(log.window.at(nothing)).toBeUndefined();
  });

  it('knows which messages of a recipient ask for a receipt, a number of them at a time', () => {
    const log = new Log();
    for (let offset = 0; offset < 3000; offset += 1) {
      const audience = {
        kind: 'unicast',
        uniqueId: `u${String(offset % 2)}`,
        clientType: '',
      } as const;
      const receipt = offset % 10 === 0 && offset < 2000;
      const frame = frameOf(
        `{"toUniqueId":"${audience.uniqueId}","messageId":"m${String(offset)}"}`,
      );
      const at = { offset, timestamp: 1, time: offset, expiresAt: 0, receipt, late: false };
      log.window.append({ ...at, id: `m${String(offset)}`, sender: undefined, audience, frame });
    }
    const tens = Array.from({ length: 200 }, (_, i) => 10 * i);
    expect(log.window.wishes(reader('u0'), -1, 0, 1000)).toMatchObject({
      offsets: tens,
      upTo: 2999,
    });
    expect(log.window.wishes(reader('u0'), -1, 0, 2)).toMatchObject({ offsets: [0, 10], upTo: 10 });
    expect(log.window.wishes(reader('u0'), 10, 0, 2)).toMatchObject({
      offsets: [20, 30],
      upTo: 30,
    });
    expect(log.window.wishes(reader('u0'), 1990, 0, 9)).toMatchObject({ offsets: [], upTo: 2999 });
    expect(log.window.wishes(reader('u1'), -1, 0, 9)).toMatchObject({ offsets: [], upTo: 2999 });
    log.window.fulfil(10);
    expect(log.window.wishes(reader('u0'), -1, 0, 2).offsets).toEqual([0, 20]);
    log.window.trim(2100);
    const left = tens.filter((offset) => offset > log.window.start.offset);
    expect(left.length).toBeLessThan(200);
    expect(log.window.wishes(reader('u0'), -1, 0, 1000).offsets).toEqual(left);
  });

  it('knows the ids that nodes make from everybody’s, and keeps no more for them', () => {
    const [log, others] = [new Log(), new Log()];
    const audience: Audience = { kind: 'unicast', uniqueId: 'u1', clientType: '' };
    for (let offset = 0; offset < 1000; offset += 1) {
      const id = `amqp-${String(offset)}`;
      const frame = frameOf(`{"toUniqueId":"u1","messageId":"${id}"}`);
      const at = { offset, timestamp: 1, time: 0, expiresAt: 0, receipt: false, late: false };
      const message = { ...at, id, audience, frame };
      log.window.append({ ...message, sender: NODE_SENDER });
      others.window.append({ ...message, sender: 'u1' });
    }
    expect(log.window.bytes).toBe(others.window.bytes);
    expect(log.window.has('amqp-7', NODE_SENDER)).toBe(true);
    expect(log.window.has('amqp-7')).toBe(false);
    expect(log.window.has('amqp-7', 'u1')).toBe(false);
    expect(others.window.has('amqp-7', NODE_SENDER)).toBe(false);
  });

  it('resumes between the messages of one log entry', () => {
    const log = new Log();
    for (let entry = 0; entry < 3; entry += 1) {
      for (let member = 0; member < 4; member += 1) {
        const to = member === 1 ? undefined : 'u1';
        const sent = { ...(to !== undefined && { to }), id: `m${String(entry)}.${String(member)}` };
        log.add(sent, 0, positionOf(entry, member));
      }
    }
    const all = log.ids('u1');
    expect(all).toHaveLength(12);
    for (let i = 0; i < 12; i += 1) {
      const cursor = Cursor.parse(formatCursor(positionOf(Math.floor(i / 4), i % 4), 1));
      expect(log.window.gapAt(cursor)).toBeUndefined();
      expect(log.ids('u1', cursor.offset)).toEqual(all.slice(i + 1));
    }
    expect(log.window.gapAt(new Cursor(1.002, 9))?.reason).toBe('OTHER_LOG');
    const step = log.window.replay(reader('u1'), -1, 1, 0);
    expect([step.count, step.upTo, step.complete]).toEqual([1, 0, false]);
    expect(log.window.replay(reader('u1'), step.upTo, 1, 0).upTo).toBe(0.001);
  });

  it('calls it a gap when its first entry may have had messages before', () => {
    const log = new Log();
    log.add({ to: 'u1', id: 'm1' }, 0, 100);
    expect(log.window.gapAt(new Cursor(99.004, 1))?.reason).toBe('WINDOW_PASSED');
  });

  it('keeps client types and labels apart, also when there are more of them than it numbers', () => {
    const log = new Log();
    for (let i = 0; i < 3000; i += 1)
      log.add({ to: 'u1', id: `m${String(i)}`, clientType: `T${String(i)}` });
    for (const i of [0, 1023, 1024, 2999])
      expect(log.ids('u1', -1, `T${String(i)}`)).toEqual([`m${String(i)}`]);
    expect(log.ids('u1', -1, 'other')).toEqual([]);
  });

  it.each([
    ['a thousand recipients', 1000, 'user'],
    ['as many recipients as messages, with long names', 1e9, '0197d3a0-7c1e-7000-8000-'],
  ])('costs at most 64 bytes over the frame for each message: %s', (_, users, prefix) => {
    const log = new Log(1024 * MiB);
    for (let i = 0; i < 200_000; i += 1) {
      const id = `01a20d79-7df6-7fa3-9952-${String(i).padStart(12, '0')}`;
      log.add({ to: prefix + String(i % users).padStart(8, '0'), id });
    }
    expect(log.window.count).toBe(200_000);
    expect((log.window.bytes - log.payload) / log.window.count).toBeLessThanOrEqual(64);
  });
});
