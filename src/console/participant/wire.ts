import type { ClientFrame, ServerFrame } from '../../protocol/frames';
import type { DeliveredBody, UnifiedBody } from '../../protocol/unified-body';

type Control = ServerFrame | ClientFrame;

/** What a frame's text says. */
export type Wire =
  | { readonly kind: 'control'; readonly frame: Control }
  | { readonly kind: 'body'; readonly body: UnifiedBody & Partial<DeliveredBody> };

export function readWire(text: string): Wire {
  const value = JSON.parse(text) as object;
  return 'op' in value
    ? { kind: 'control', frame: value as Control }
    : { kind: 'body', body: value as DeliveredBody };
}

/** The id that ties a frame to a message, if it has one. */
export function messageIdOf(wire: Wire): string | undefined {
  if (wire.kind === 'body') return wire.body.messageId;
  return 'messageId' in wire.frame ? wire.frame.messageId : undefined;
}

/** The id of the message that a frame answers. */
export function answeredIdOf(wire: Wire): string | undefined {
  return wire.kind === 'body' ? wire.body.correlationId : undefined;
}

/** The position in the log that a frame names. */
export function cursorOf(wire: Wire): string | undefined {
  if (wire.kind === 'body') return wire.body.cursor;
  return 'cursor' in wire.frame ? wire.frame.cursor : undefined;
}

/** Tokens open connections: they are not for screens. */
const SECRETS = new Set(['reconnectToken', 'token']);

/** A frame as people read it. */
export function prettyPrint(wire: Wire): string {
  const value = wire.kind === 'body' ? wire.body : wire.frame;
  return JSON.stringify(
    value,
    (name, field: unknown) =>
      SECRETS.has(name) && typeof field === 'string' ? `${field.slice(0, 8)}…` : field,
    2,
  );
}
