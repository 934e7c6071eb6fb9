import type { Message } from '../domain/message/message';

/** The body that goes into the log: without `messageId`, which is spliced in on delivery. */
export function encodeBody(message: Message): Buffer {
  return Buffer.from(JSON.stringify(message.body));
}

/** The whole message for a handler's queue, `messageId` last. */
export function encodeUpstream(message: Message): Buffer {
  return Buffer.from(JSON.stringify({ ...message.body, messageId: message.id }));
}
