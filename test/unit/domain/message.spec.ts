import { Refusal } from '../../../src/domain/errors';
import { checkBody } from '../../../src/domain/message/body-rules';
import { Message, SERVICE } from '../../../src/domain/message/message';
import { BodyValidator } from '../../../src/interface/body-validator';
import { aBody, aMessage, aQuestion } from '../../support/message.builder';
import { FakeClock } from '../../support/fake-clock';

function refusalOf(act: () => unknown): Refusal | undefined {
  try {
    act();
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
  return undefined;
}

const BAD: readonly [string, unknown, string | undefined][] = [
  ['null', null, undefined],
  ['an array', [], undefined],
  ['a text', 'x', undefined],
  ['no sendType', aBody({ sendType: undefined }), 'sendType'],
  ['sendType of a prototype', aBody({ sendType: 'toString' }), 'sendType'],
  ['a wrong messageType', aBody({ messageType: 'X' }), 'messageType'],
  ['no businessType', aBody({ businessType: undefined }), 'businessType'],
  ['a businessType with a blank', aBody({ businessType: 'a b' }), 'businessType'],
  ['a businessType of 129', aBody({ businessType: 'a'.repeat(129) }), 'businessType'],
  ['a wildcard as businessType', aBody({ businessType: 'a.*' }), 'businessType'],
  ['fromUniqueId as a number', aBody({ fromUniqueId: 1 }), 'fromUniqueId'],
  ['fromClientType of 33', aBody({ fromClientType: 'a'.repeat(33) }), 'fromClientType'],
  ['toUniqueId of 129', aBody({ toUniqueId: 'a'.repeat(129) }), 'toUniqueId'],
  ['toClientType as an object', aBody({ toClientType: {} }), 'toClientType'],
  ['timestamp as a text', aBody({ timestamp: '1' }), 'timestamp'],
  ['timestamp beyond time', aBody({ timestamp: 9e15 }), 'timestamp'],
  ['tags as a text', aBody({ tags: 'a' }), 'tags'],
  ['a tag of 65', aBody({ tags: ['a'.repeat(65)] }), 'tags'],
  ['businesses with a number', aBody({ businesses: [1] }), 'businesses'],
  ['messageId of 65', aBody({ messageId: 'a'.repeat(65) }), 'messageId'],
  ['messageId with a line break', aBody({ messageId: 'a\nb' }), 'messageId'],
  ['correlationId with a quote', aBody({ correlationId: '"' }), 'correlationId'],
  ['ttl 0', aBody({ ttl: 0 }), 'ttl'],
  ['ttl of 31 days', aBody({ ttl: 2_678_400_000 }), 'ttl'],
  ['receipt as a number', aBody({ receipt: 1 }), 'receipt'],
  ['an unknown field', { ...aBody(), nope: 1 }, 'nope'],
];

/** What no schema says. */
const ILL_FORMED: readonly [string, unknown][] = [
  ['toUniqueId', aBody({ toUniqueId: 'half a pair \ud83d' })],
  ['toClientType', aBody({ toClientType: '\ude00' })],
  ['fromUniqueId', aBody({ fromUniqueId: '\ud83dx' })],
];

const GOOD: readonly [string, unknown][] = [
  ['a unicast', aBody()],
  [
    'nulls and empty strings for what is absent',
    aBody({ toClientType: '', correlationId: null, tags: null, messageId: '' }),
  ],
  ['a timestamp of 0', aBody({ timestamp: 0 })],
  ['content null', aBody({ content: null })],
  ['no content', aBody({ content: undefined })],
  ['a multicast to tags', aBody({ sendType: 'MULTICAST', toUniqueId: undefined, tags: ['a'] })],
  ['a broadcast', aBody({ sendType: 'BROADCAST', toUniqueId: undefined })],
  ['a question', aQuestion()],
  [
    'everything at its limit',
    aBody({
      businessType: 'b'.repeat(128),
      toUniqueId: '😀'.repeat(64),
      messageId: '~'.repeat(64),
      tags: Array.from({ length: 32 }, () => 't'.repeat(64)),
      ttl: 2_592_000_000,
    }),
  ],
];

describe('the rules of the unified body', () => {
  const validator = new BodyValidator();

  it.each(BAD)(
    'refuse %s, in the domain and compiled from the DTO alike, and name the field',
    (_what, body, field) => {
      const code =
        field === undefined ? 'BAD_JSON' : field === 'nope' ? 'UNKNOWN_FIELD' : 'BAD_FIELD';
      const compiled = (): void => {
        validator.check(body);
      };
      for (const check of [() => checkBody(body), compiled])
        expect(refusalOf(check)).toMatchObject({ code, field });
    },
  );

  it.each(ILL_FORMED)(
    'refuse a %s that is no Unicode, which would become another one',
    (field, body) => {
      expect(refusalOf(() => checkBody(body))).toMatchObject({ code: 'BAD_FIELD', field });
    },
  );

  it.each(GOOD)('pass %s, in the domain and compiled from the DTO alike', (_what, body) => {
    expect(refusalOf(() => checkBody(body))).toBeUndefined();
    expect(
      refusalOf(() => {
        validator.check(body);
      }),
    ).toBeUndefined();
  });
});

describe('Message', () => {
  it('sets id and timestamp where they are missing and keeps them where they are not', () => {
    const clock = new FakeClock(5000);
    const bare = Message.compose(aBody(), SERVICE, clock);
    expect([bare.id, bare.body.timestamp, bare.repeatable]).toEqual(['id-1', 5000, false]);
    const full = Message.compose(aBody({ messageId: 'mine', timestamp: 7 }), SERVICE, clock);
    expect([full.id, full.body.timestamp, full.repeatable]).toEqual(['mine', 7, true]);
    expect(full.body).not.toHaveProperty('messageId');
  });

  it('puts a client’s identity over whatever it claims to be', () => {
    const origin = { kind: 'client', uniqueId: 'real', clientType: 'H5' } as const;
    const message = aMessage({ fromUniqueId: 'forged', fromClientType: 'APP' }, origin);
    expect(message.body).toMatchObject({ fromUniqueId: 'real', fromClientType: 'H5' });
  });

  it('keeps ids of clients apart from each other and from those of services', () => {
    const one = aMessage({ messageId: 'x' }, { kind: 'client', uniqueId: 'a', clientType: '' });
    const other = aMessage({ messageId: 'x' }, { kind: 'client', uniqueId: 'b', clientType: '' });
    expect(new Set([one.key, other.key, aMessage({ messageId: 'x' }).key]).size).toBe(3);
  });

  it('expires ttl after its timestamp, or never', () => {
    expect(aMessage({ timestamp: 1000, ttl: 50 }).expiresAt).toBe(1050);
    expect(aMessage().expiresAt).toBe(0);
  });
});
