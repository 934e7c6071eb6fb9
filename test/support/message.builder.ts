import { Message, type Origin, SERVICE } from '../../src/domain/message/message';
import type { UnifiedBody } from '../../src/protocol/unified-body';

let ids = 0;

/** A valid body of a push to one user, with what a test cares about on top. */
export function aBody(
  over: Partial<Record<keyof UnifiedBody, unknown>> = {},
): Record<string, unknown> {
  return {
    sendType: 'UNICAST',
    messageType: 'SERVER_TO_CLIENT',
    businessType: 'order.status',
    toUniqueId: 'u1',
    content: { hello: 'world' },
    ...over,
  };
}

/** A valid upstream body. */
export function aQuestion(
  over: Partial<Record<keyof UnifiedBody, unknown>> = {},
): Record<string, unknown> {
  return aBody({
    messageType: 'CLIENT_TO_SERVER',
    businessType: 'qrcode.refresh',
    toUniqueId: undefined,
    ...over,
  });
}

/** A composed message, from a service unless told otherwise. */
export function aMessage(
  over: Partial<Record<keyof UnifiedBody, unknown>> = {},
  origin: Origin = SERVICE,
  now = 1000,
): Message {
  return Message.compose(aBody(over), origin, {
    now: () => now,
    newId: () => `id-${String(++ids)}`,
  });
}
