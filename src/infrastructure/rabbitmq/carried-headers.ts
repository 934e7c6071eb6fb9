import type { MessagePropertyHeaders } from 'amqplib';

/** Bytes of headers above which the rest is left out: amqplib encodes no more than 64 KiB. */
const MAX_BYTES = 32 * 1024;
/** Levels of tables and arrays. */
const MAX_DEPTH = 8;
/** Bytes of a number or of a table's, an array's or a text's tag and length, at most. */
const FIXED = 9;
/** Signed integers of 64 bits: below it amqplib finds no type for a number. */
const LOWEST = -(2 ** 63);

/**
 * Those headers of another program's message that can be published again. amqplib reads more than it can write: numbers
 * below -2^63, tables whose keys are taken for its own notation of types, whatever is longer than its buffer.
 */
export function carriedHeaders(
  headers: MessagePropertyHeaders | undefined,
): Record<string, unknown> {
  const carried: Record<string, unknown> = {};
  let room = MAX_BYTES;
  for (const [name, value] of Object.entries(headers ?? {})) {
    const size = sizeOf(value, MAX_DEPTH) + Buffer.byteLength(name) + 1;
    if (size > room) continue;
    room -= size;
    carried[name] = value;
  }
  return carried;
}

/** Bytes that a value takes at most; Infinity when it cannot be written. */
function sizeOf(value: unknown, depth: number): number {
  if (typeof value === 'boolean' || value === null) return FIXED;
  if (typeof value === 'number') return value >= LOWEST ? FIXED : Infinity;
  if (typeof value === 'string') return FIXED + Buffer.byteLength(value);
  if (Buffer.isBuffer(value)) return FIXED + value.length;
  return typeof value === 'object' && depth > 0 ? sizeOfAll(value, depth - 1) : Infinity;
}

/** The same of an array or a table. */
function sizeOfAll(value: object, depth: number): number {
  if (isTimestamp(value)) return FIXED;
  let size = FIXED;
  for (const [name, one] of Object.entries(value)) {
    // Both are read by amqplib as something else than names of fields.
    if (name === '!' || name === 'hasOwnProperty') return Infinity;
    size += 1 + Buffer.byteLength(name) + sizeOf(one, depth);
  }
  return size;
}

/** As amqplib shows the times that RabbitMQ writes into `x-death`. */
function isTimestamp(value: object): boolean {
  const { '!': type, value: time } = value as { readonly '!'?: unknown; readonly value?: unknown };
  return type === 'timestamp' && Number.isSafeInteger(time) && Number(time) >= 0;
}
