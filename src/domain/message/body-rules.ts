import {
  BUSINESS_TYPE,
  FIELDS,
  type Json,
  LIMITS,
  MESSAGE_ID,
  MESSAGE_TYPES,
  type MessageType,
  RESERVED_PREFIX,
  SEND_TYPES,
  type SendType,
  type UnifiedBody,
} from '../../protocol/unified-body';
import { Refusal } from '../errors';

const KNOWN: ReadonlySet<string> = new Set(FIELDS);
/** The last instant that a Date can hold (ECMA-262 section 21.4.1.1), in ms. */
export const LAST_INSTANT = 8.64e15;
/** 30 days in ms: no log keeps messages longer than that for a client to come back to. */
export const MAX_TTL = 2_592_000_000;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type Content = Mutable<Omit<UnifiedBody, 'messageId'>>;
type Fields = Readonly<Record<string, unknown>>;

/**
 * Checks every field of a unified body against its rule and returns it in canonical field order.
 * `null` and, where a string may be absent, the empty string count as absent, as many JSON mappers write them.
 * Throws a Refusal that names the first field at fault.
 */
export function checkBody(value: unknown): UnifiedBody {
  const { body, messageId } = takeBody(value);
  return messageId === undefined ? body : { ...body, messageId };
}

/** The same with `messageId` apart; the body is fresh and the caller's to complete. */
export function takeBody(value: unknown): { body: Content; messageId: string | undefined } {
  const fields = asFields(value);
  for (const name in fields) {
    if (!KNOWN.has(name))
      throw new Refusal('UNKNOWN_FIELD', `${quote(name)} is not a field`, clip(name));
  }
  const body: Content = {
    sendType: oneOf<SendType>(fields['sendType'], 'sendType', SEND_TYPES),
    messageType: oneOf<MessageType>(fields['messageType'], 'messageType', MESSAGE_TYPES),
    businessType: checkBusinessType(fields['businessType']),
  };
  addAddress(body, fields);
  addContent(body, fields);
  const messageId = identifier(fields['messageId'], 'messageId');
  addDelivery(body, fields);
  checkAddress(body);
  return { body, messageId };
}

/**
 * Throws for a number no double can hold (RFC 8259, 6): JSON.parse reads 1e400 as Infinity, JSON.stringify writes that as
 * null. Recursion is safe: parsed content is at most LIMITS.depth deep.
 */
export function checkNumbers(content: Json | undefined): void {
  if (content !== undefined && !isWritable(content))
    throw Refusal.field('content', 'has a number beyond the range of a double');
}

function isWritable(value: Json): boolean {
  if (typeof value === 'number') return Number.isFinite(value);
  if (typeof value !== 'object' || value === null) return true;
  if (Array.isArray(value)) return (value as readonly Json[]).every(isWritable);
  const fields = value as Readonly<Record<string, Json>>;
  for (const name in fields) {
    const field = fields[name];
    if (field !== undefined && !isWritable(field)) return false;
  }
  return true;
}

/** Throws unless `text` is a business type: dot-separated words, at most 128 long, not reserved. */
export function checkBusinessType(text: unknown): string {
  if (typeof text !== 'string' || text.length > LIMITS.businessType || !BUSINESS_TYPE.test(text)) {
    throw Refusal.field(
      'businessType',
      `must be dot-separated words of A-Z a-z 0-9 _ -, at most ${String(LIMITS.businessType)} long`,
    );
  }
  if (text.startsWith(RESERVED_PREFIX)) {
    throw Refusal.field('businessType', `must not start with ${RESERVED_PREFIX}`);
  }
  return text;
}

function asFields(value: unknown): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Refusal('BAD_JSON', 'a unified body is a JSON object');
  }
  return value as Fields;
}

function addAddress(body: Content, fields: Fields): void {
  const from = text(fields['fromUniqueId'], 'fromUniqueId', LIMITS.uniqueId);
  if (from !== undefined) body.fromUniqueId = from;
  const fromType = text(fields['fromClientType'], 'fromClientType', LIMITS.clientType);
  if (fromType !== undefined) body.fromClientType = fromType;
  const to = text(fields['toUniqueId'], 'toUniqueId', LIMITS.uniqueId);
  if (to !== undefined) body.toUniqueId = to;
  const toType = text(fields['toClientType'], 'toClientType', LIMITS.clientType);
  if (toType !== undefined) body.toClientType = toType;
}

function addContent(body: Content, fields: Fields): void {
  const timestamp = integer(fields['timestamp'], 'timestamp', 0, LAST_INSTANT);
  if (timestamp !== undefined && timestamp !== 0) body.timestamp = timestamp;
  if (fields['content'] !== undefined) body.content = fields['content'] as Json;
  const tags = labels(fields['tags'], 'tags');
  if (tags !== undefined) body.tags = tags;
  const businesses = labels(fields['businesses'], 'businesses');
  if (businesses !== undefined) body.businesses = businesses;
}

function addDelivery(body: Content, fields: Fields): void {
  const correlationId = identifier(fields['correlationId'], 'correlationId');
  if (correlationId !== undefined) body.correlationId = correlationId;
  const ttl = integer(fields['ttl'], 'ttl', 1, MAX_TTL);
  if (ttl !== undefined) body.ttl = ttl;
  const receipt = fields['receipt'];
  if (receipt === undefined || receipt === null) return;
  if (typeof receipt !== 'boolean') throw Refusal.field('receipt', 'must be true or false');
  body.receipt = receipt;
}

function checkAddress(body: Content): void {
  const { sendType, messageType } = body;
  if (messageType === 'CLIENT_TO_SERVER') {
    if (sendType !== 'UNICAST')
      throw Refusal.field('sendType', 'must be UNICAST for CLIENT_TO_SERVER');
    return;
  }
  if (sendType === 'UNICAST') {
    if (body.toUniqueId === undefined)
      throw Refusal.field('toUniqueId', 'must name the recipient of a UNICAST');
    return;
  }
  if (body.toUniqueId !== undefined)
    throw Refusal.field('toUniqueId', `must be absent for ${sendType}`);
  if (sendType === 'MULTICAST' && body.tags === undefined && body.businesses === undefined) {
    throw Refusal.field('tags', 'or businesses must be given for MULTICAST');
  }
}

function oneOf<T extends string>(value: unknown, name: string, allowed: readonly T[]): T {
  const found = allowed.find((one) => one === value);
  if (found === undefined) throw Refusal.field(name, `must be one of ${allowed.join(', ')}`);
  return found;
}

function text(value: unknown, name: string, max: number): string | undefined {
  if (value === undefined || value === null || value === '') return undefined;
  if (typeof value !== 'string' || value.length > max) {
    throw Refusal.field(name, `must be a string of at most ${String(max)} characters`);
  }
  // Half a pair of surrogates would become U+FFFD on the wire: another name.
  if (!value.isWellFormed()) throw Refusal.field(name, 'must be well-formed Unicode');
  return value;
}

function identifier(value: unknown, name: string): string | undefined {
  const id = text(value, name, LIMITS.id);
  if (id !== undefined && !MESSAGE_ID.test(id)) {
    throw Refusal.field(name, 'must be printable ASCII without space, quote and backslash');
  }
  return id;
}

function integer(value: unknown, name: string, min: number, max: number): number | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max) {
    throw Refusal.field(
      name,
      `must be an integer of ${String(min)} to ${String(max)} (milliseconds)`,
    );
  }
  return value;
}

/** A label set; undefined when absent or empty. */
function labels(value: unknown, name: string): readonly string[] | undefined {
  if (value === undefined || value === null) return undefined;
  const rule = `must be an array of at most ${String(LIMITS.labels)} strings of 1 to ${String(LIMITS.label)} characters`;
  if (!Array.isArray(value) || value.length > LIMITS.labels) throw Refusal.field(name, rule);
  for (const label of value as readonly unknown[]) {
    if (typeof label !== 'string' || label === '' || label.length > LIMITS.label)
      throw Refusal.field(name, rule);
  }
  return value.length === 0 ? undefined : (value as readonly string[]);
}

function clip(name: string): string {
  return name.slice(0, LIMITS.id);
}

function quote(name: string): string {
  return JSON.stringify(clip(name));
}
