import { Refusal } from '../domain/errors';
import type { Message } from '../domain/message/message';
import type { NewMessage } from './ports/message-log';

/** A message as an entry of the log; throws TOO_LARGE when its body is longer than `maxBytes`. */
export function messageEntry(message: Message, maxBytes: number): NewMessage {
  const body = Buffer.from(JSON.stringify(message.body));
  if (body.length > maxBytes) {
    throw new Refusal(
      'TOO_LARGE',
      `the body has ${String(body.length)} bytes, the limit is ${String(maxBytes)}`,
    );
  }
  return { kind: 'message', message, body };
}

/** The whole message for a handler's queue, `messageId` last. */
export function encodeUpstream(message: Message): Buffer {
  const body = JSON.stringify(message.body);
  // An id needs no escaping, see MESSAGE_ID.
  return Buffer.from(`${body.slice(0, -1)},"messageId":"${message.id}"}`);
}
