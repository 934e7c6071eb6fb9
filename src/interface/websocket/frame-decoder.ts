import { parseJson } from '../../application/json';
import { Refusal } from '../../domain/errors';
import type { ClientFrame } from '../../protocol/frames';
import { isDeeperThan } from '../../protocol/json-text';

/** Depth up to which JSON takes no longer to parse for being deep. */
const READABLE = 1000;

/** Characters of an id under which a body is refused: several times those of one that is taken. */
const MAX_NAMED = 1024;

/** A client's text, taken apart: a control frame, or what should be a unified body. */
export type Decoded =
  | { readonly kind: 'control'; readonly frame: ClientFrame }
  | { readonly kind: 'body'; readonly value: object };

/** Reads one text frame. Throws a Refusal that says what is wrong with it. */
export function decodeFrame(text: string): Decoded {
  const value = parseJson(text);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Refusal('BAD_JSON', 'a frame is a JSON object');
  }
  if (!Object.hasOwn(value, 'op')) return { kind: 'body', value };
  return { kind: 'control', frame: controlFrame(value as Readonly<Record<string, unknown>>) };
}

/** What a frame holds that was refused for its depth: its sender waits under its id. Nothing of one that is deep on purpose. */
export function readDeep(text: string): object {
  try {
    if (!isDeeperThan(READABLE, text)) return Object(JSON.parse(text)) as object;
  } catch {
    // No JSON besides.
  }
  return {};
}

function controlFrame(value: Readonly<Record<string, unknown>>): ClientFrame {
  switch (value['op']) {
    case 'ack':
      return { op: 'ack', cursor: text(value, 'cursor') };
    case 'ping':
      return { op: 'ping' };
    case 'renew':
      return { op: 'renew', token: text(value, 'token') };
    default:
      throw new Refusal('UNKNOWN_OP', 'op must be ack, ping or renew', 'op');
  }
}

function text(value: Readonly<Record<string, unknown>>, name: string): string {
  const field = value[name];
  if (typeof field !== 'string') throw Refusal.field(name, 'must be a string');
  return field;
}

/** The id under which a body is refused, also one that is refused for it: its sender waits under that. */
export function idOf(value: object): string | undefined {
  const id = (value as Readonly<Record<string, unknown>>)['messageId'];
  return typeof id === 'string' && id.length <= MAX_NAMED ? id : undefined;
}
