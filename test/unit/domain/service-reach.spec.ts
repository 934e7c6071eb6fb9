import type { Refusal } from '../../../src/domain/errors';
import {
  type ServiceLimits,
  ServiceReach,
  type TokenWish,
} from '../../../src/domain/routing/service-reach';
import { DEFAULT_GRANTS } from '../../../src/domain/routing/send-permission';
import { fitsTopic } from '../../../src/domain/routing/topic-pattern';
import type { UnifiedBody } from '../../../src/protocol/unified-body';

const LIMITED: ServiceLimits = {
  businessTypes: ['order.#', 'payment.*'],
  users: ['shop-*', 'kiosk'],
  labels: ['shop-*'],
};
const unicast: UnifiedBody = {
  sendType: 'UNICAST',
  messageType: 'SERVER_TO_CLIENT',
  businessType: 'order.paid',
  toUniqueId: 'shop-7',
};
const wish: TokenWish = { uniqueId: 'shop-7', tags: ['shop-vip'], businesses: [] };

/** The field that a refusal names; undefined when nothing is refused. */
function refused(attempt: () => unknown): string | undefined {
  try {
    attempt();
    return undefined;
  } catch (error) {
    const { code, field } = error as Refusal;
    expect(code).toBe('FORBIDDEN');
    return field;
  }
}

describe('the reach of a service', () => {
  const reach = new ServiceReach(LIMITED);
  const push = (change: Partial<UnifiedBody>): string | undefined =>
    refused(() => {
      reach.checkPush({ ...unicast, ...change });
    });
  const token = (change: Partial<TokenWish>): string | undefined =>
    refused(() => reach.grantsOf({ ...wish, ...change }));

  it('covers pushes of its business types to its users', () => {
    expect(push({})).toBeUndefined();
    expect(push({ toUniqueId: 'kiosk', businessType: 'payment.done' })).toBeUndefined();
    expect(push({ businessType: 'payment.done.late' })).toBe('businessType');
    expect(push({ businessType: 'orders.paid' })).toBe('businessType');
    expect(push({ toUniqueId: 'bank-7' })).toBe('toUniqueId');
    expect(push({ toUniqueId: 'kiosk-2' })).toBe('toUniqueId');
  });

  it('does not cover a sender of others, who would be sent the receipt', () => {
    expect(push({ fromUniqueId: 'bank-7' })).toBe('fromUniqueId');
    expect(push({ fromUniqueId: 'shop-8' })).toBeUndefined();
  });

  it('covers groups of which each member holds a label of its own, and never everybody', () => {
    const multicast = { sendType: 'MULTICAST' } as const;
    expect(push({ ...multicast, tags: ['shop-vip'] })).toBeUndefined();
    expect(push({ ...multicast, tags: ['shop-vip'], businesses: ['charging'] })).toBeUndefined();
    expect(push({ ...multicast, businesses: ['shop-a'] })).toBeUndefined();
    expect(push({ ...multicast, tags: ['shop-vip', 'vip'] })).toBe('tags');
    expect(push({ ...multicast, businesses: ['charging'] })).toBe('businesses');
    expect(push({ sendType: 'BROADCAST' })).toBe('sendType');
  });

  it('of a service with users of its own and no labels covers no groups', () => {
    const users = new ServiceReach({ users: ['shop-*'] });
    expect(
      refused(() => {
        users.checkPush({ ...unicast, sendType: 'MULTICAST', tags: ['shop-vip'] });
      }),
    ).toBe('sendType');
  });

  it('covers what it might have pushed, and nothing that is not known', () => {
    expect(reach.covers(unicast)).toBe(true);
    expect(reach.covers({ ...unicast, fromUniqueId: null, tags: null })).toBe(true);
    expect(reach.covers({ ...unicast, toUniqueId: null })).toBe(false);
    expect(reach.covers({ ...unicast, toUniqueId: 'bank-7' })).toBe(false);
    expect(reach.covers(undefined)).toBe(false);
  });

  it('covers tokens of its users with its labels', () => {
    expect(token({})).toBeUndefined();
    expect(token({ uniqueId: 'bank-7' })).toBe('uniqueId');
    expect(token({ tags: ['vip'] })).toBe('tags');
    expect(token({ businesses: ['charging'] })).toBe('businesses');
  });

  it('lets its clients send no more than it may push itself', () => {
    expect(reach.grantsOf(wish)).toEqual({
      ...DEFAULT_GRANTS,
      businessTypes: ['order.#', 'payment.*'],
    });
    expect(token({ grants: { businessTypes: ['order.*.late', 'payment.done'] } })).toBeUndefined();
    expect(token({ grants: { businessTypes: ['payment.#'] } })).toBe('businessTypes');
    expect(token({ grants: { businessTypes: ['#'] } })).toBe('businessTypes');
    expect(token({ grants: { clientToClient: true } })).toBe('clientToClient');
    expect(token({ grants: { multicast: true } })).toBe('multicast');
    expect(token({ grants: { broadcast: true } })).toBe('broadcast');
  });

  it('of a service with labels alone does not cover clients that name labels', () => {
    const labels = new ServiceReach({ labels: ['shop-*'] });
    expect(
      refused(() => labels.grantsOf({ ...wish, grants: { clientToClient: true } })),
    ).toBeUndefined();
    expect(refused(() => labels.grantsOf({ ...wish, grants: { multicast: true } }))).toBe(
      'multicast',
    );
  });

  it('is everything without limits', () => {
    const reaching = new ServiceReach({});
    const everything = { clientToClient: true, multicast: true, broadcast: true };
    reaching.checkPush({ ...unicast, sendType: 'BROADCAST', fromUniqueId: 'anybody' });
    reaching.checkPush({ ...unicast, sendType: 'MULTICAST', tags: ['any'] });
    expect(reaching.covers(undefined)).toBe(true);
    expect(reaching.grantsOf({ ...wish, tags: ['any'], grants: everything })).toEqual({
      ...DEFAULT_GRANTS,
      ...everything,
    });
  });
});

describe('a topic pattern', () => {
  it.each([
    ['#', 'a.b'],
    ['a.#', 'a'],
    ['a.*', 'a.b'],
    ['a.*', 'a.*'],
    ['a.#', 'a.*.#'],
    ['#.z', 'a.b.#.z'],
    ['*.#', 'a.#'],
  ])('%s fits %s', (pattern, text) => {
    expect(fitsTopic([pattern], text)).toBe(true);
  });

  it.each([
    ['a.*', 'a'],
    ['a.*', 'a.#'],
    ['a.b', 'a.*'],
    ['*', '#'],
    ['*.#', '#'],
    ['#.z', 'z.#'],
    ['a.#', '#'],
  ])('%s does not fit %s', (pattern, text) => {
    expect(fitsTopic([pattern], text)).toBe(false);
  });

  it('fits another pattern only when it fits all that the other one fits', () => {
    const words = ['a', 'b', '*', '#'];
    const patterns = words.flatMap((one) => [one, ...words.map((two) => `${one}.${two}`)]);
    const letters = ['a', 'b', 'c'];
    const texts = [...letters];
    for (let i = 0; i < 12; i += 1) texts.push(...letters.map((one) => `${texts[i] ?? ''}.${one}`));
    for (const wide of patterns)
      for (const narrow of patterns)
        if (fitsTopic([wide], narrow))
          for (const text of texts)
            if (fitsTopic([narrow], text))
              expect([wide, narrow, text, fitsTopic([wide], text)]).toEqual([
                wide,
                narrow,
                text,
                true,
              ]);
  });
});
