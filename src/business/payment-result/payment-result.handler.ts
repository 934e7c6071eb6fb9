import {
  BusinessHandler,
  type Handler,
  type Push,
} from '../../application/handlers/business-handler';
import type { Message } from '../../domain/message/message';
import type { Json } from '../../protocol/unified-body';

/**
 * How a backend's callback becomes a push: the service that took the payment platform's callback publishes
 * `{ orderId, status, payer }` to the upstream exchange, and the payer's page is told. No client may send it.
 */
@BusinessHandler('payment.result', { from: 'service' })
export class PaymentResultHandler implements Handler {
  handle(message: Message): Promise<Push> {
    const { orderId, status, payer } = read(message.body.content);
    return Promise.resolve({
      push: {
        sendType: 'UNICAST',
        messageType: 'SERVER_TO_CLIENT',
        businessType: 'payment.result',
        toUniqueId: payer,
        content: { orderId, status },
        correlationId: message.id,
      },
    });
  }
}

function read(content: Json | undefined): { orderId: string; status: string; payer: string } {
  const { orderId, status, payer } = Object(content ?? {}) as Readonly<Record<string, unknown>>;
  if (typeof orderId !== 'string' || typeof status !== 'string' || typeof payer !== 'string') {
    throw new TypeError('content must be { orderId, status, payer }, all strings');
  }
  return { orderId, status, payer };
}
