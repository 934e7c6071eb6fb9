import type { UnifiedBody } from '../../protocol/unified-body';
import { checkSize } from './foreign-input';

const CLOSE_OBJECT = 0x7d;
const COMMA = 0x2c;
const KEY = Buffer.from('"messageId"');
/** What a key needs that is `messageId` and written otherwise. */
const ESCAPED = Buffer.from('\\u');

/**
 * What clients get of a body, as the bytes in which it came where that is possible: without `messageId`, and without a time
 * that is none, which are given to it at its end. `value` is `content` as it was parsed, `body` what was found valid in that.
 */
export function bodyBytes(value: object, body: UnifiedBody, content: Buffer): Uint8Array {
  const hasVoidTime = body.timestamp === undefined && Object.hasOwn(value, 'timestamp');
  if (hasVoidTime) return writtenAnew(body);
  if (!Object.hasOwn(value, 'messageId')) return trimmed(content);
  return withoutId(content, body.messageId) ?? writtenAnew(body);
}

/** Most end where the object does. */
function trimmed(content: Buffer): Buffer {
  const { length } = content;
  if (content[length - 1] === CLOSE_OBJECT) return content;
  return content.subarray(0, content.lastIndexOf(CLOSE_OBJECT) + 1);
}

/**
 * Cuts the member out, where it stands as most programs write it: then the key is named once, so that it is the object's
 * own. Undefined in every other case.
 */
function withoutId(content: Buffer, id: string | undefined): Buffer | undefined {
  const start = content.indexOf(KEY);
  if (id === undefined || start === -1 || content.includes(KEY, start + 1)) return undefined;
  const end = start + KEY.length + id.length + ':""'.length;
  if (
    content.toString('latin1', start + KEY.length, end) !== `:"${id}"` ||
    content.includes(ESCAPED)
  )
    return undefined;
  const bytes = trimmed(content);
  if (bytes[end] === COMMA)
    return Buffer.concat([bytes.subarray(0, start), bytes.subarray(end + 1)]);
  if (bytes[start - 1] === COMMA)
    return Buffer.concat([bytes.subarray(0, start - 1), bytes.subarray(end)]);
  return undefined;
}

function writtenAnew({ messageId: _, ...rest }: UnifiedBody): Buffer {
  const bytes = Buffer.from(JSON.stringify(rest));
  // What was written in few characters may be longer as JSON.stringify writes it: 1e20 has 21 digits.
  checkSize(bytes);
  return bytes;
}
