import {
  compose,
  type Draft,
  draftOf,
  namesOf,
  senderOf,
} from '../../../src/console/try/composer-model';
import { checkBody } from '../../../src/domain/message/body-rules';
import { MESSAGE_TYPES, SEND_TYPES } from '../../../src/protocol/unified-body';

const PUSH = draftOf('SERVER_TO_CLIENT', 'alice', 'bob');

function faultOf(part: Partial<Draft>): string | undefined {
  return compose({ ...PUSH, ...part }).fault;
}

describe("the console's form", () => {
  it.each(MESSAGE_TYPES)('starts with a %s that the service takes as it is', (messageType) => {
    const { body } = compose(draftOf(messageType, 'alice', 'bob'));
    expect(checkBody(body)).toMatchObject({ messageType, sendType: 'UNICAST' });
  });

  it.each(SEND_TYPES)(
    'addresses %s by its own fields only, whatever is left in the others',
    (sendType) => {
      const { body } = compose({ ...PUSH, sendType, tags: 'vip, beta', businesses: 'shop' });
      expect(checkBody(body).sendType).toBe(sendType);
      expect(body?.toUniqueId).toBe(sendType === 'UNICAST' ? 'alice' : undefined);
      expect(body?.tags).toEqual(sendType === 'MULTICAST' ? ['vip', 'beta'] : undefined);
    },
  );

  it('takes the optional fields', () => {
    const { body } = compose({
      ...PUSH,
      toClientType: ' H5 ',
      messageId: 'm1',
      correlationId: 'q1',
      ttl: '5000',
      content: '[1, null]',
    });
    expect(body).toMatchObject({
      toClientType: 'H5',
      messageId: 'm1',
      correlationId: 'q1',
      ttl: 5000,
      content: [1, null],
    });
  });

  it('asks for a receipt of a message to one client only', () => {
    expect(compose(PUSH).body).not.toHaveProperty('receipt');
    for (const kind of MESSAGE_TYPES) {
      const { body } = compose({ ...draftOf(kind, 'alice', 'bob'), receipt: 'yes' });
      expect(checkBody(body).receipt).toBe(kind === 'CLIENT_TO_SERVER' ? undefined : true);
    }
    expect(compose({ ...PUSH, sendType: 'BROADCAST', receipt: 'yes' }).fault).toBeUndefined();
    expect(compose({ ...PUSH, sendType: 'BROADCAST', receipt: 'yes' }).body).not.toHaveProperty(
      'receipt',
    );
  });

  it('may send without content', () => {
    expect(compose({ ...PUSH, content: ' ' }).body).not.toHaveProperty('content');
  });

  it('takes the comma of Chinese keyboards for one', () => {
    const { body } = compose({ ...PUSH, sendType: 'MULTICAST', tags: 'vip，测试' });
    expect(body?.tags).toEqual(['vip', '测试']);
  });

  it.each<[string, Partial<Draft>]>([
    ['businessType', { businessType: 'a..b' }],
    ['reserved', { businessType: 'wirepost.gap' }],
    ['toUniqueId', { toUniqueId: ' ' }],
    ['labels', { sendType: 'MULTICAST', tags: ' , ' }],
    ['content', { content: 'no JSON' }],
    ['messageId', { messageId: 'two words' }],
    ['correlationId', { correlationId: 'ü' }],
    ['ttl', { ttl: '1.5' }],
  ])('names %s as the fault', (fault, part) => {
    expect(faultOf(part)).toBe(fault);
  });

  it('tells senders of one uniqueId apart, and falls back on the first when the chosen one is gone', () => {
    const senders = ['H5', 'WEB', 'WEB'].map((clientType, i) => ({
      id: `participant-${String(i)}`,
      request: { uniqueId: 'alice', clientType },
    }));
    expect(namesOf(senders)).toEqual(['alice · H5', 'alice · WEB', 'alice · WEB (2)']);
    expect(senderOf('participant-2', senders)).toBe(senders[2]);
    expect(senderOf('removed', senders)).toBe(senders[0]);
    expect(senderOf('removed', senders.slice(0, 0))).toBeUndefined();
  });
});
