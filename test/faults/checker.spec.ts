import { check, type Problem } from './checker';
import type { Entry, Event } from './history';

const EXPECTATION = { accepted: 6, faults: ['kill -9'] };

/** A connection is cut. */
function closed(client: string): Event {
  return { kind: 'closed', client, gateway: 'g1', code: 1006, reason: '', by: 'server' };
}

function refused(status: number): Event {
  return { kind: 'refused', client: 'c2', gateway: 'g1', status };
}

/** A sound history: two senders, three clients, one fault that cuts connections, probes at the end. */
function soundHistory(): Entry[] {
  let at = 0;
  let offset = 0;
  const entries: Entry[] = [];
  const add = (event: Event): void => {
    entries.push({ at: (at += 1), ...event });
  };
  const invoke = (op: string, sender: string, seq: number, audience: string[]): void => {
    add({
      kind: 'invoke',
      op,
      channel: op.startsWith('probe') ? 'probe' : 'rest',
      sender,
      seq,
      audience,
      ordered: true,
      deadline: 1000,
      meaning: `of ${op}`,
    });
  };
  const receive = (op: string, client: string): void => {
    const body = {
      client,
      op,
      cursor: `${String((offset += 1))}-1`,
      hash: op,
      meaning: `of ${op}`,
    };
    add({ kind: 'wire', ...body });
    add({ kind: 'app', ...body });
  };
  const deliver = (op: string, sender: string, seq: number, audience: string[]): void => {
    invoke(op, sender, seq, audience);
    add({ kind: 'ok', op, attempts: 1 });
    for (const client of audience) receive(op, client);
  };
  for (const client of ['c1', 'c2', 'c3'])
    add({ kind: 'connected', client, gateway: 'g1', resumed: false });
  deliver('s1-1', 's1', 1, ['c1']);
  deliver('s1-2', 's1', 2, ['c1']);
  deliver('s2-1', 's2', 1, ['c1', 'c2', 'c3']);
  const allows = ['abnormal-close', 'silence', 'gap'] as const;
  const kill = { kind: 'nemesis', name: 'kill -9', allows, gateway: 'g1' } as const;
  add({ ...kill, phase: 'start' });
  add(closed('c1'));
  add({ ...kill, phase: 'felt', evidence: 'process gone' });
  invoke('s1-3', 's1', 3, ['c1']);
  add({ kind: 'info', op: 's1-3', attempts: 1, reason: 'no answer', silent: true });
  invoke('s1-4', 's1', 4, ['c1']);
  add({ kind: 'fail', op: 's1-4', attempts: 1, reason: 'UNAVAILABLE' });
  add({ ...kill, phase: 'stop' });
  add({ kind: 'connected', client: 'c1', gateway: 'g2', resumed: true });
  receive('s1-3', 'c1');
  at += 60_000;
  deliver('s2-2', 's2', 2, ['c2']);
  add({ kind: 'quiesced', left: '' });
  deliver('probe-c1', 'p', 1, ['c1']);
  deliver('probe-c2', 'p', 2, ['c2']);
  deliver('probe-c3', 'p', 3, ['c3']);
  return entries;
}

type Mutation = (entries: Entry[]) => Entry[];

const without =
  (is: (entry: Entry) => boolean): Mutation =>
  (entries) =>
    entries.filter((entry) => !is(entry));
const isApp =
  (op: string, client: string) =>
  (entry: Entry): boolean =>
    entry.kind === 'app' && entry.op === op && entry.client === client;
const change =
  (is: (entry: Entry) => boolean, over: object): Mutation =>
  (entries) =>
    entries.map((entry) => (is(entry) ? { ...entry, ...over } : entry));
const after =
  (is: (entry: Entry) => boolean, event: Event): Mutation =>
  (entries) =>
    entries.flatMap((entry) => (is(entry) ? [entry, { at: entry.at, ...event }] : [entry]));

const told = (before: string, from = '3-1', to = '5-1'): Mutation => {
  const gap: Event = { kind: 'gap', client: 'c1', from, to, reason: 'LOG_HOLE' };
  return (entries) =>
    entries.flatMap((one) => (isApp(before, 'c1')(one) ? [{ at: one.at, ...gap }, one] : [one]));
};

const MUTATIONS: readonly (readonly [string, Problem, Mutation])[] = [
  ['a delivery is missing', 'lost', without(isApp('s1-1', 'c1'))],
  ['one of a broadcast’s clients is left out', 'lost', without(isApp('s2-1', 'c3'))],
  [
    'a message is shown twice',
    'duplicate',
    (entries) => entries.flatMap((one) => (isApp('s1-2', 'c1')(one) ? [one, one] : [one])),
  ],
  [
    'two messages are swapped',
    'order',
    (entries) =>
      entries.map((one) => {
        if (isApp('s1-1', 'c1')(one)) return { ...one, op: 's1-2' } as Entry;
        return isApp('s1-2', 'c1')(one) ? ({ ...one, op: 's1-1' } as Entry) : one;
      }),
  ],
  ['it reaches another client', 'misrouted', change(isApp('s1-1', 'c1'), { client: 'c2' })],
  [
    'it was refused, and delivered',
    'refused-but-delivered',
    change((one) => one.kind === 'ok' && one.op === 's2-2', { kind: 'fail' }),
  ],
  ['nobody has sent it', 'phantom', change(isApp('s1-1', 'c1'), { op: 's9-1' })],
  ['it claims another sender', 'forged-sender', change(isApp('s1-1', 'c1'), { from: 'u7' })],
  [
    'a copy on the wire differs',
    'unequal-copies',
    after((one) => one.kind === 'wire' && one.op === 's1-1', {
      kind: 'wire',
      client: 'c1',
      op: 's1-1',
      cursor: 's1-1-1',
      hash: 'another',
    }),
  ],
  ['it says what another one says', 'altered', change(isApp('s1-1', 'c1'), { meaning: 'of s1-2' })],
  [
    'a sound message is refused for good',
    'wrongly-refused',
    change((one) => one.kind === 'fail', { reason: 'BAD_FIELD', final: true }),
  ],
  [
    'a copy is refused for good beside one that is taken',
    'wrongly-refused',
    change((one) => one.kind === 'ok' && one.op === 's2-2', { final: true }),
  ],
  ['an operation never ends', 'hung', without((one) => one.kind === 'info' && one.op === 's1-3')],
  [
    'a request gets no answer although nothing is wrong',
    'hung',
    change((one) => one.kind === 'ok' && one.op === 's2-2', { kind: 'info', silent: true }),
  ],
  [
    'an operation ends twice',
    'completed-twice',
    after((one) => one.kind === 'ok' && one.op === 's1-1', {
      kind: 'info',
      op: 's1-1',
      attempts: 2,
    }),
  ],
  ['a probe does not arrive', 'probe-missing', without(isApp('probe-c2', 'c2'))],
  [
    'nobody probes one of the clients',
    'probe-missing',
    without((one) => 'op' in one && one.op === 'probe-c3'),
  ],
  ['the run does not quiesce', 'probe-missing', without((one) => one.kind === 'quiesced')],
  [
    'a queue is not empty at the end',
    'left-over',
    change((one) => one.kind === 'quiesced', { left: '2 in a queue' }),
  ],
  [
    'the server closes with an undeclared code',
    'close-code',
    change((one) => one.kind === 'closed', { code: 4999 }),
  ],
  [
    'a connection is cut at a gateway that the fault does not hit',
    'close-code',
    change((one) => one.kind === 'closed', { gateway: 'g2' }),
  ],
  [
    'a connection is cut long after the fault',
    'close-code',
    after((one) => one.kind === 'quiesced', closed('c2')),
  ],
  ['a good token is refused', 'handshake', after((one) => one.kind === 'quiesced', refused(401))],
  [
    'a client is told of a gap for no reason',
    'gap',
    after((one) => one.kind === 'quiesced', {
      kind: 'gap',
      client: 'c1',
      from: '1-1',
      to: '9-1',
      reason: 'OTHER_LOG',
    }),
  ],
  [
    'one token opens two connections',
    'token-twice',
    (entries) => {
      const event: Event = { kind: 'admitted', token: 't1', gateway: 'g1' };
      const is = (one: Entry): boolean => one.kind === 'quiesced';
      return after(is, event)(after(is, event)(entries));
    },
  ],
  [
    'a gateway ends by itself',
    'crashed',
    after((one) => one.kind === 'quiesced', {
      kind: 'exit',
      gateway: 'g1',
      status: 1,
      expected: false,
    }),
  ],
  [
    'hardly anything was accepted',
    'too-few-accepted',
    change((one) => one.kind === 'ok' && one.op === 's2-2', { kind: 'info' }),
  ],
  [
    'the fault was not felt',
    'fault-did-not-happen',
    without((one) => one.kind === 'nemesis' && one.phase === 'felt'),
  ],
  [
    'what is missing is later than the gap',
    'lost',
    (entries) => told('s1-2', '1-1', '1.5-1')(without(isApp('s2-1', 'c1'))(entries)),
  ],
  [
    'a gap runs backwards',
    'gap-bounds',
    (entries) => told('s1-3', '5-1', '4-1')(without(isApp('s2-1', 'c1'))(entries)),
  ],
  [
    'a fault never ended',
    'fault-did-not-happen',
    without((one) => one.kind === 'nemesis' && one.phase === 'stop'),
  ],
  [
    'probes come before the rest',
    'probe-missing',
    (entries) => {
      const end = entries.find(({ kind }) => kind === 'quiesced');
      return end === undefined
        ? entries
        : [...entries.filter((one) => one !== end), { ...end, at: (entries.at(-1)?.at ?? 0) + 1 }];
    },
  ],
  [
    'what reaches a client is no probe',
    'probe-missing',
    change((one) => one.kind === 'invoke' && one.op === 'probe-c2', { channel: 'rest' }),
  ],
  [
    'a connection is cut before the fault',
    'close-code',
    after((one) => one.kind === 'ok' && one.op === 's1-1', closed('c2')),
  ],
  [
    'a fault cuts connections that it may not cut',
    'close-code',
    change((one) => one.kind === 'nemesis', { allows: ['silence', 'gap'] }),
  ],
  [
    'a handshake is refused with 400',
    'handshake',
    after((one) => one.kind === 'quiesced', refused(400)),
  ],
];

describe('the checker', () => {
  it('finds nothing in a sound history, and counts it', () => {
    const verdict = check(soundHistory(), { ...EXPECTATION, accepted: 7 });
    expect(verdict.findings).toEqual([]);
    expect(verdict.valid).toBe(true);
    expect(verdict.counts).toMatchObject({ accepted: 7, refused: 1, unknown: 1, recovered: 1 });
    expect(verdict.counts.wireDuplicates).toBe(0);
  });

  it.each(MUTATIONS)('says when %s: %s', (_, problem, mutate) => {
    const over = problem === 'too-few-accepted' ? { accepted: 7 } : {};
    const verdict = check(mutate(soundHistory()), { ...EXPECTATION, ...over });
    expect(verdict.valid).toBe(false);
    expect(verdict.findings.map((finding) => finding.problem)).toContain(problem);
  });

  it('counts a copy on the wire that is equal, and lets it pass', () => {
    const again = after((one) => one.kind === 'wire' && one.op === 's1-1', {
      kind: 'wire',
      client: 'c1',
      op: 's1-1',
      cursor: 's1-1-1',
      hash: 's1-1',
    });
    const verdict = check(again(soundHistory()), EXPECTATION);
    expect(verdict.findings).toEqual([]);
    expect(verdict.counts.wireDuplicates).toBe(1);
  });

  describe('where a client was told of a gap', () => {
    const isMissing = without(isApp('s2-1', 'c1'));

    it('excuses what is missing in its place', () => {
      expect(check(told('s1-3')(isMissing(soundHistory())), EXPECTATION).findings).toEqual([]);
    });

    it.each([
      ['begins before what the client has', '1-1', '5-1'],
      ['ends behind what comes next', '3-1', '6-1'],
    ])('says when the gap %s', (_, from, to) => {
      const verdict = check(told('s1-3', from, to)(isMissing(soundHistory())), EXPECTATION);
      expect(verdict.findings.map(({ problem }) => problem)).toEqual(['gap-bounds']);
    });

    it('does not excuse what is missing elsewhere', () => {
      const verdict = check(
        told('s1-3')(without(isApp('s1-1', 'c1'))(soundHistory())),
        EXPECTATION,
      );
      expect(verdict.findings.map(({ problem }) => problem)).toEqual(['lost']);
    });
  });
});
