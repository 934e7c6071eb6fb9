import { Refusal, RetryableError } from '../../../src/domain/errors';
import { Cursor } from '../../../src/domain/log/cursor';
import { checkIsPush, routeOf } from '../../../src/domain/routing/routing-policy';
import {
  countsAfter,
  HandlerTimeout,
  RedeliveryPolicy,
} from '../../../src/domain/routing/redelivery-policy';
import { DEFAULT_GRANTS, SendPermission } from '../../../src/domain/routing/send-permission';
import { aMessage } from '../../support/message.builder';

const QUESTION = { messageType: 'CLIENT_TO_SERVER', toUniqueId: undefined };

describe('RoutingPolicy', () => {
  it('sends questions to the handlers by business type and everything else to the log', () => {
    expect(routeOf(aMessage({ ...QUESTION, businessType: 'a.b' }))).toEqual({
      exchange: 'upstream',
      key: 'a.b',
    });
    for (const messageType of ['SERVER_TO_CLIENT', 'CLIENT_TO_CLIENT']) {
      expect(routeOf(aMessage({ messageType })).exchange).toBe('push');
    }
  });

  it('refuses a question as a push and names messageType', () => {
    expect(() => {
      checkIsPush(aMessage(QUESTION));
    }).toThrow(/^messageType/);
  });
});

describe('SendPermission', () => {
  function may(grants: Partial<typeof DEFAULT_GRANTS>, body: Record<string, unknown>): boolean {
    try {
      new SendPermission({ ...DEFAULT_GRANTS, ...grants }).check(aMessage(body).body);
      return true;
    } catch (error) {
      if (error instanceof Refusal && error.code === 'FORBIDDEN') return false;
      throw error;
    }
  }

  const multicast = {
    messageType: 'CLIENT_TO_CLIENT',
    sendType: 'MULTICAST',
    toUniqueId: undefined,
    tags: ['a'],
  };
  const broadcast = {
    messageType: 'CLIENT_TO_CLIENT',
    sendType: 'BROADCAST',
    toUniqueId: undefined,
  };

  it('grants questions only, by default', () => {
    expect(may({}, QUESTION)).toBe(true);
    expect(may({}, { messageType: 'CLIENT_TO_CLIENT' })).toBe(false);
    expect(may({}, { messageType: 'SERVER_TO_CLIENT' })).toBe(false);
  });

  it('needs a grant of its own for each wider address', () => {
    expect(may({ clientToClient: true }, { messageType: 'CLIENT_TO_CLIENT' })).toBe(true);
    expect(may({ clientToClient: true }, multicast)).toBe(false);
    expect(may({ clientToClient: true, multicast: true }, multicast)).toBe(true);
    expect(may({ clientToClient: true, multicast: true }, broadcast)).toBe(false);
    expect(may({ clientToClient: true, broadcast: true }, broadcast)).toBe(true);
    expect(may({ multicast: true, broadcast: true }, broadcast)).toBe(false);
  });

  it.each([
    ['a.b', 'a.b', true],
    ['a.b', 'a.b.c', false],
    ['a.*', 'a.b', true],
    ['a.*', 'a', false],
    ['a.*', 'a.b.c', false],
    ['a.#', 'a', true],
    ['a.#', 'a.b.c', true],
    ['#.c', 'a.b.c', true],
    ['*.b.#', 'a.b', true],
    ['#', 'anything.at.all', true],
    ['#.#', 'a', true],
    ['#.a.#.b', 'a.c.b.d.b', true],
    ['#.a.#.b', 'a.c.b.d', false],
    ['a.#.a', 'a', false],
    // Who tries every way in turn is not done before the machine is scrap.
    [Array.from({ length: 24 }, () => '#.a').join('.') + '.b', 'a.'.repeat(40) + 'c', false],
  ])('matches %s with %s: %p, as a topic exchange does', (pattern, businessType, expected) => {
    expect(may({ businessTypes: [pattern] }, { ...QUESTION, businessType })).toBe(expected);
  });
});

describe('RedeliveryPolicy', () => {
  const policy = new RedeliveryPolicy(4, [10, 100]);
  const failed = (attempt: number, error: unknown, outages = 0) =>
    policy.failed({ attempt, outages }, error);

  it('grows the delay up to the last one, which repeats', () => {
    const delays = [1, 2, 3].map((attempt) => failed(attempt, new RetryableError('x')));
    expect(delays.map((outcome) => outcome.kind === 'retry' && outcome.delay)).toEqual([
      10, 100, 100,
    ]);
  });

  it('rejects after the last attempt, with the reason', () => {
    expect(failed(4, new RetryableError('down'))).toEqual({
      kind: 'reject',
      reason: 'RetryableError: down (attempt 4 of 4)',
    });
  });

  it('repeats for as long as the log takes nothing', () => {
    for (const code of ['UNAVAILABLE', 'UNKNOWN_OUTCOME', 'OVERLOAD'] as const) {
      expect(failed(40, new Refusal(code))).toMatchObject({
        kind: 'retry',
        delay: 10,
        outage: true,
      });
    }
    expect(failed(1, new RetryableError('x'))).toMatchObject({ outage: false });
  });

  it('grows the delay of outages by their number, and counts them apart from attempts', () => {
    let counts = { attempt: 1, outages: 0 };
    const delays: unknown[] = [];
    for (const error of [
      new Refusal('UNAVAILABLE'),
      new Refusal('OVERLOAD'),
      new RetryableError('x'),
    ]) {
      const outcome = policy.failed(counts, error);
      if (outcome.kind !== 'retry') throw new Error(outcome.kind);
      delays.push(outcome.delay);
      counts = countsAfter(counts, outcome);
    }
    expect([delays, counts]).toEqual([[10, 100, 10], { attempt: 2, outages: 2 }]);
  });

  it('repeats timeouts and what the broker could not take, and nothing else', () => {
    expect(failed(1, new HandlerTimeout('late')).kind).toBe('retry');
    expect(failed(1, new Refusal('UNAVAILABLE')).kind).toBe('retry');
    expect(failed(1, new Refusal('BAD_FIELD')).kind).toBe('reject');
    expect(failed(1, new TypeError('bug')).kind).toBe('reject');
    expect(failed(1, 'thrown text').kind).toBe('reject');
  });
});

describe('Cursor', () => {
  it('is the text that it was read from', () => {
    for (const text of [
      '0-0',
      '17-1795522392255',
      '4398046511104-1',
      '4398046511103.998-1',
      '7.001-0',
    ])
      expect(Cursor.parse(text).toString()).toBe(text);
  });

  it('is before the first entry as 0-0, so that nobody misses that one', () => {
    expect(new Cursor(-1, 0).toString()).toBe('0-0');
    expect(Cursor.parse('0-0')).toEqual(new Cursor(-1, 0));
    expect(Cursor.parse('0-5')).toEqual(new Cursor(0, 5));
  });

  it.each([
    '',
    '1',
    '-1',
    '-1-0',
    '1-',
    '01-0',
    '1-0x',
    '1e3-0',
    '4398046511105-0',
    '1-9007199254740993',
    '1.5-0',
    '1.-0',
    '1.0010-0',
    '1000000000000000000-0',
    ' 1-0',
  ])('refuses %p', (text) => {
    expect(() => Cursor.parse(text)).toThrow(Refusal);
  });
});
