import type { MessagePropertyHeaders } from 'amqplib';

/**
 * Bytes of headers above which the rest is left out. They share a frame with those of a dead letter, some 6 KiB, and a broker
 * closes the connection for one above its `frame_max`: 16 KiB as docs/operations.md has it.
 */
const MAX_BYTES = 8 * 1024;
/** Levels of tables and arrays. */
const MAX_DEPTH = 8;
/** Bytes of a number or of a table's, an array's or a text's tag and length, at most. */
const FIXED = 9;
/** Bytes of a name. */
const MAX_NAME = 255;
/** Signed integers of 64 bits lie between: below them amqplib finds no type for a number, above them a double. */
const INT64 = 2 ** 63;
/** From here on amqplib takes every number for an integer, up to 2^63. */
const NO_FRACTIONS = 2 ** 50;

/**
 * Those headers of another program's message that can be published again. amqplib reads more than it can write: numbers
 * below -2^63, fractions beyond 2^50, names of bytes that are no UTF-8 and so become longer, tables whose keys are taken for
 * its own notation of types, whatever is longer than its buffer.
 */
export function carriedHeaders(
  headers: MessagePropertyHeaders | undefined,
): Record<string, unknown> {
  const carried: Record<string, unknown> = {};
  let room = MAX_BYTES;
  for (const [name, value] of Object.entries(headers ?? {})) {
    const size = sizeOfName(name) + sizeOf(value, MAX_DEPTH);
    if (size > room) continue;
    room -= size;
    carried[name] = value;
  }
  return carried;
}

/** Bytes that a value takes at most; Infinity when it cannot be written. */
function sizeOf(value: unknown, depth: number): number {
  if (typeof value === 'boolean' || value === null) return FIXED;
  if (typeof value === 'number') return isWritable(value) ? FIXED : Infinity;
  if (typeof value === 'string') return FIXED + Buffer.byteLength(value);
  if (Buffer.isBuffer(value)) return FIXED + value.length;
  return typeof value === 'object' && depth > 0 ? sizeOfAll(value, depth - 1) : Infinity;
}

/** The same of an array or a table. */
function sizeOfAll(value: object, depth: number): number {
  if (isTimestamp(value)) return FIXED;
  let size = FIXED;
  // As amqplib goes over it, which makes a field named `__proto__` the prototype of its table and writes what that has, too.
  for (const name in value) {
    // Both are read by amqplib as something else than names of fields.
    if (name === '!' || name === 'hasOwnProperty') return Infinity;
    size += sizeOfName(name) + sizeOf((value as Readonly<Record<string, unknown>>)[name], depth);
  }
  return size;
}

function sizeOfName(name: string): number {
  const length = Buffer.byteLength(name);
  return length <= MAX_NAME ? 1 + length : Infinity;
}

function isWritable(value: number): boolean {
  if (value >= INT64) return true;
  return value >= -INT64 && (Number.isInteger(value) || Math.abs(value) < NO_FRACTIONS);
}

/** As amqplib shows the times that RabbitMQ writes into `x-death`. */
function isTimestamp(value: object): boolean {
  const { '!': type, value: time } = value as { readonly '!'?: unknown; readonly value?: unknown };
  return type === 'timestamp' && Number.isSafeInteger(time) && Number(time) >= 0;
}
