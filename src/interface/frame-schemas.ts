import { ERRORS } from '../protocol/codes';
import { type ClientFrame, GAP_REASONS, type ServerFrame } from '../protocol/frames';
import type { ObjectSchema } from './body-validator';

/** What a value of a type looks like; objects are given by their fields. */
type Shape<T> = [T] extends [boolean]
  ? { readonly type: 'boolean' }
  : [T] extends [number]
    ? { readonly type: 'integer' }
    : [T] extends [string]
      ? { readonly type: 'string'; readonly enum?: readonly string[] }
      : { readonly fields: Fields<T> };
type Fields<T> = {
  readonly [K in keyof T]-?: Shape<NonNullable<T[K]>> & { readonly description?: string };
};
type Optional<T> = { [K in keyof T]-?: object extends Pick<T, K> ? K : never }[keyof T];
/** A frame's meaning and its fields besides `op`; every one of the frame's type, or it does not compile. */
interface Described<F> {
  readonly description: string;
  readonly fields: Fields<Omit<F, 'op'>>;
  readonly optional?: readonly Optional<F>[];
}
type Table<F extends { readonly op: string }> = {
  readonly [O in F['op']]: Described<Extract<F, { readonly op: O }>>;
};
interface Loose {
  readonly description: string;
  readonly fields: Readonly<Record<string, object>>;
  readonly optional?: readonly string[];
}

const string = { type: 'string' } as const;
const integer = { type: 'integer' } as const;
const boolean = { type: 'boolean' } as const;

/** The JSON Schemas of what the server sends besides bodies, by `op`. */
export const SERVER_FRAMES = schemasOf<ServerFrame>({
  welcome: {
    description: 'First frame of a connection, and again after each renew',
    fields: {
      connectionId: string,
      uniqueId: string,
      clientType: string,
      cursor: { ...string, description: 'Deliveries continue after it' },
      resumed: boolean,
      heartbeat: { ...integer, description: 'ms between heartbeats' },
      limits: {
        fields: {
          maxPayload: { ...integer, description: 'Bytes of a frame' },
          maxDepth: { ...integer, description: 'Levels of JSON' },
          repeatWithin: {
            ...integer,
            description: 'ms within which a repeated messageId is recognised',
          },
        },
      },
      reconnectToken: { ...string, description: 'Good at any node until the session ends' },
      sessionEnds: { ...integer, description: 'ms since epoch' },
    },
  },
  accepted: {
    description: 'The broker has confirmed the message',
    fields: { messageId: string },
  },
  rejected: {
    description: 'A frame was refused; repeat a retryable one with the same messageId',
    fields: {
      messageId: { ...string, description: 'Absent when it could not be read' },
      code: { ...string, enum: Object.keys(ERRORS) },
      message: { ...string, description: 'What is wrong, for people' },
      retryable: boolean,
    },
    optional: ['messageId'],
  },
  gap: {
    description: 'Messages after `from` up to `to` are not available here; reload your state',
    fields: { from: string, to: string, reason: { ...string, enum: GAP_REASONS } },
  },
  pong: {
    description: 'Answers a ping',
    fields: {
      cursor: { ...string, description: 'Up to which everything for this client was sent' },
    },
  },
  bye: {
    description: 'The connection is about to be closed',
    fields: {
      code: { ...integer, description: 'The close code that follows' },
      reason: string,
      retryAfter: { ...integer, description: 'ms to wait before the next attempt' },
    },
  },
});

/** The JSON Schemas of what clients send besides bodies, by `op`. */
export const CLIENT_FRAMES = schemasOf<ClientFrame>({
  ack: {
    description: 'Everything up to the cursor was handled by the application',
    fields: { cursor: string },
  },
  ping: {
    description: 'For clients that cannot send protocol pings',
    fields: {},
  },
  renew: {
    description: 'A fresh connect token on the open socket',
    fields: { token: string },
  },
});

function schemasOf<F extends { readonly op: string }>(
  table: Table<F> & Readonly<Record<string, Loose>>,
): Readonly<Record<F['op'], ObjectSchema>> {
  const schemas = Object.entries<Loose>(table).map(([op, { description, fields, optional }]) => [
    op,
    { ...objectOf({ op: { const: op }, ...fields }, optional), description },
  ]);
  return Object.fromEntries(schemas) as Record<F['op'], ObjectSchema>;
}

function objectOf(
  fields: Readonly<Record<string, object>>,
  optional: readonly string[] = [],
): ObjectSchema {
  const properties = Object.entries(fields).map(([name, field]) => [
    name,
    'fields' in field ? objectOf(field.fields as Record<string, object>) : field,
  ]);
  return {
    type: 'object',
    properties: Object.fromEntries(properties) as Record<string, object>,
    required: Object.keys(fields).filter((name) => !optional.includes(name)),
    additionalProperties: false,
  };
}
