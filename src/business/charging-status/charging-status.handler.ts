import {
  BusinessHandler,
  type Handler,
  type Push,
} from '../../application/handlers/business-handler';
import type { Message } from '../../domain/message/message';
import type { Json } from '../../protocol/unified-body';

/**
 * Multicast: a charging pile's backend reports `{ port, status, station }`, and everybody who watches that port
 * (tag `port:<port>`) or runs that station (tag `station:<station>`) of the business `charging` is told.
 */
@BusinessHandler('charging.status', { from: 'service', concurrency: 1 })
export class ChargingStatusHandler implements Handler {
  handle(message: Message): Promise<Push> {
    const { port, status, station } = read(message.body.content);
    return Promise.resolve({
      push: {
        sendType: 'MULTICAST',
        messageType: 'SERVER_TO_CLIENT',
        businessType: 'charging.status',
        tags: [`port:${port}`, `station:${station}`],
        businesses: ['charging'],
        content: { port, status, station },
        correlationId: message.id,
      },
    });
  }
}

function read(content: Json | undefined): { port: string; status: string; station: string } {
  const { port, status, station } = Object(content ?? {}) as Readonly<Record<string, unknown>>;
  if (typeof port !== 'string' || typeof status !== 'string' || typeof station !== 'string') {
    throw new TypeError('content must be { port, status, station }, all strings');
  }
  return { port, status, station };
}
