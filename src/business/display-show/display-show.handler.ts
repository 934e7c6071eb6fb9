import {
  BusinessHandler,
  type Handler,
  type Push,
} from '../../application/handlers/business-handler';
import type { Message } from '../../domain/message/message';
import type { Json } from '../../protocol/unified-body';

/**
 * client → client: a phone sends `{ display, result }` and the H5 page of that name shows the result. The page gets it
 * as coming from the phone. Going through a handler, the business decides who may show what where, and the phone's
 * token needs no grant to write to other clients.
 */
@BusinessHandler('display.show')
export class DisplayShowHandler implements Handler {
  handle(message: Message): Promise<Push> {
    const { display, result } = read(message.body.content);
    const { fromUniqueId = '', fromClientType = '' } = message.body;
    return Promise.resolve({
      push: {
        sendType: 'UNICAST',
        messageType: 'CLIENT_TO_CLIENT',
        businessType: 'display.show',
        fromUniqueId,
        fromClientType,
        toUniqueId: display,
        toClientType: 'H5',
        content: { result },
        correlationId: message.id,
      },
    });
  }
}

function read(content: Json | undefined): { display: string; result: Json } {
  const { display, result } = Object(content ?? {}) as Readonly<Record<string, Json | undefined>>;
  if (typeof display !== 'string' || result === undefined) {
    throw new TypeError('content must be { display, result }, display a string');
  }
  return { display, result };
}
