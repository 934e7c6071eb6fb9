import { messageEntry } from '../../../src/application/message-json';
import type { NewMessage } from '../../../src/application/ports/message-log';
import { type Origin, SERVICE } from '../../../src/domain/message/message';
import { decodeMessages, encodeMessages } from '../../../src/infrastructure/rabbitmq/message-batch';
import { aMessage } from '../../support/message.builder';

const CLIENT: Origin = { kind: 'client', uniqueId: 'é"1', clientType: 'H5' };

function one(over: Parameters<typeof aMessage>[0], origin: Origin = SERVICE): NewMessage {
  return messageEntry(aMessage(over, origin), 1_000_000);
}

const EACH: readonly NewMessage[] = [
  one({ messageId: 'm0', toUniqueId: '用户 "1"\u0000' }),
  one({
    messageId: 'm1',
    toUniqueId: 'u'.repeat(128),
    toClientType: '类'.repeat(32),
    ttl: 5000,
    receipt: true,
  }),
  one({ messageId: 'm2', sendType: 'BROADCAST', toUniqueId: undefined, toClientType: 'APP' }),
  one({
    messageId: 'm3',
    sendType: 'MULTICAST',
    toUniqueId: undefined,
    tags: Array.from({ length: 32 }, (_, i) => `${'签'.repeat(60)}${String(i)}`),
    businesses: ['x,"y'],
  }),
  one({ messageId: 'm4', messageType: 'CLIENT_TO_CLIENT' }, CLIENT),
];

describe('messages that share a log entry', () => {
  it('come back as they were, each at a position of its own', () => {
    const read = decodeMessages(encodeMessages(EACH, 1234.5), 7);
    expect(read?.map(({ offset }) => offset)).toEqual([7, 7.001, 7.002, 7.003, 7.004]);
    EACH.forEach(({ message, body }, i) => {
      expect(read?.[i]).toMatchObject({
        id: message.id,
        sender: message.sender,
        audience: message.audience,
        expiresAt: message.expiresAt,
        receipt: i === 1,
        timestamp: 1234.5,
        time: 1234.5,
      });
      expect(Buffer.from(read?.[i]?.body ?? []).equals(body)).toBe(true);
    });
  });

  it('are as many as 999', () => {
    const many = Array.from({ length: 999 }, (_, i) => one({ messageId: `m${String(i)}` }));
    const read = decodeMessages(encodeMessages(many, 1), 3);
    expect(read?.map(({ id }) => id)).toEqual(many.map(({ message }) => message.id));
    expect(decodeMessages(encodeMessages([...many, ...many], 1), 3)).toBeUndefined();
  });

  it('are not read from anything that was cut off, added to or changed in its lengths', () => {
    const whole = encodeMessages(EACH, 1);
    for (let i = 0; i < whole.length; i += 1)
      expect(decodeMessages(whole.subarray(0, i), 0)).toBeUndefined();
    expect(decodeMessages(Buffer.concat([whole, Buffer.alloc(1)]), 0)).toBeUndefined();
    for (const at of [0, 1, 2, 12, 13, 14, 15, 16, 17]) {
      const changed = Buffer.from(whole);
      changed[at] = (changed[at] ?? 0) ^ 0x40;
      expect(decodeMessages(changed, 0)).toBeUndefined();
    }
  });
});
