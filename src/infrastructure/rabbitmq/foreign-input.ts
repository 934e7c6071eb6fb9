import { isUtf8 } from 'node:buffer';

import type { MessageProperties } from 'amqplib';

import { Refusal } from '../../domain/errors';
import { isDeeperThan } from '../../protocol/json-text';
import { LIMITS, MESSAGE_ID } from '../../protocol/unified-body';

/** Bytes of a body above which it is not looked at. */
export const MAX_BYTES = 1024 * 1024;

/** Throws TOO_LARGE for a body of more bytes. */
export function checkSize({ length }: Buffer): void {
  if (length > MAX_BYTES) throw new Refusal('TOO_LARGE', `${String(length)} bytes`);
}

/** Reads the JSON object that another program has published; throws a Refusal for anything else. */
export function readJson(content: Buffer): object {
  checkSize(content);
  if (!isUtf8(content)) throw new Refusal('BAD_JSON', 'not UTF-8');
  const text = content.toString();
  if (isDeeperThan(LIMITS.depth, text)) throw new Refusal('TOO_DEEP');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Refusal('BAD_JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Refusal('BAD_JSON');
  return value;
}

/** The `message-id` property when it may serve as a messageId. */
export function usableId({ messageId }: MessageProperties): string | undefined {
  const id: unknown = messageId;
  return typeof id === 'string' && id.length <= LIMITS.id && MESSAGE_ID.test(id) ? id : undefined;
}
