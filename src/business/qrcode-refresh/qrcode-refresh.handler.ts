import { randomBytes } from 'node:crypto';

import {
  BusinessHandler,
  type Handler,
  type Reply,
} from '../../application/handlers/business-handler';
import type { Message } from '../../domain/message/message';

/** ms that a code may be scanned. */
const LIFETIME = 60_000;

/**
 * client → server with a reply: a page asks for a fresh QR code and gets it on the same socket,
 * with the `correlationId` of its question.
 */
@BusinessHandler('qrcode.refresh')
export class QrcodeRefreshHandler implements Handler {
  handle(message: Message): Promise<Reply> {
    const code = randomBytes(12).toString('base64url');
    const reply = { code, page: message.body.fromUniqueId ?? '', expiresAt: Date.now() + LIFETIME };
    return Promise.resolve({ reply });
  }
}
