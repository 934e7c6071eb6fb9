/** How a message is addressed. */
export const SEND_TYPES = ['UNICAST', 'MULTICAST', 'BROADCAST'] as const;
export type SendType = (typeof SEND_TYPES)[number];

/** Which of the three kinds a message is. */
export const MESSAGE_TYPES = ['SERVER_TO_CLIENT', 'CLIENT_TO_SERVER', 'CLIENT_TO_CLIENT'] as const;
export type MessageType = (typeof MESSAGE_TYPES)[number];

/** Any JSON value (RFC 8259). */
export type Json =
  null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** Limits of the unified body; lengths in UTF-16 code units, as `String.length` counts them. */
export const LIMITS = {
  businessType: 128,
  uniqueId: 128,
  clientType: 32,
  id: 64,
  labels: 32,
  label: 64,
  depth: 32,
  batch: 1000,
} as const;

/** Dot-separated words: the AMQP routing key of an upstream message. */
export const BUSINESS_TYPE = /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/;
/** Printable ASCII without space, quote and backslash, so that an id can be spliced into JSON as it is. */
export const MESSAGE_ID = /^[\x21\x23-\x5b\x5d-\x7e]+$/;
/** Business types that only the service itself may send (`wirepost.gap` to plain clients). */
export const RESERVED_PREFIX = 'wirepost.';
/**
 * Business type of receipts, which tell that a client has acknowledged a message. A backend that wants them binds a queue to
 * the exchange `wirepost.upstream` with this as routing key.
 */
export const RECEIPT = 'wirepost.receipt';

/**
 * The one JSON object of REST, AMQP and WebSocket. `timestamp` and `ttl` are milliseconds;
 * `messageId` is the idempotency key; on delivery the server adds `messageId` and `cursor`.
 */
export interface UnifiedBody {
  readonly sendType: SendType;
  readonly messageType: MessageType;
  readonly businessType: string;
  readonly fromUniqueId?: string;
  readonly fromClientType?: string;
  readonly toUniqueId?: string;
  readonly toClientType?: string;
  readonly timestamp?: number;
  readonly content?: Json;
  readonly tags?: readonly string[];
  readonly businesses?: readonly string[];
  readonly messageId?: string;
  readonly correlationId?: string;
  readonly ttl?: number;
  readonly receipt?: boolean;
}

/** What a client receives: the body, its id and the position to resume from. */
export interface DeliveredBody extends UnifiedBody {
  readonly messageId: string;
  readonly timestamp: number;
  readonly cursor: string;
}

/** The names of the unified body's fields; any other name is refused. */
export const FIELDS = [
  'sendType',
  'messageType',
  'businessType',
  'fromUniqueId',
  'fromClientType',
  'toUniqueId',
  'toClientType',
  'timestamp',
  'content',
  'tags',
  'businesses',
  'messageId',
  'correlationId',
  'ttl',
  'receipt',
] as const satisfies readonly (keyof UnifiedBody)[];
