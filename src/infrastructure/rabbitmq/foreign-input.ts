import type { MessageProperties } from 'amqplib';

import { readJson } from '../../application/json';
import { Refusal } from '../../domain/errors';
import { LIMITS, MESSAGE_ID } from '../../protocol/unified-body';

/** Bytes of a body above which it is not looked at. */
export const MAX_BYTES = 1024 * 1024;

/** Throws TOO_LARGE for a body of more bytes. */
export function checkSize({ length }: Buffer): void {
  if (length > MAX_BYTES) throw new Refusal('TOO_LARGE', `${String(length)} bytes`);
}

/** Reads the JSON object that another program has published; throws a Refusal for anything else. */
export function readObject(content: Buffer): object {
  checkSize(content);
  const value = readJson(content);
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Refusal('BAD_JSON', 'not an object');
  return value;
}

/** The `message-id` property when it may serve as a messageId. */
export function usableId({ messageId }: MessageProperties): string | undefined {
  const id: unknown = messageId;
  return typeof id === 'string' && id.length <= LIMITS.id && MESSAGE_ID.test(id) ? id : undefined;
}
