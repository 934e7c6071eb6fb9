import type { ConsumeMessage, MessageProperties, Options } from 'amqplib';

import type { Clock } from '../../application/ports/clock';
import type { NewEntry } from '../../application/ports/message-log';
import { Refusal } from '../../domain/errors';
import type { Claim, LogEntry, MessageEntry } from '../../domain/log/log-entry';
import { checkBody } from '../../domain/message/body-rules';
import { expiryOf, keyOf, type Message, SERVICE } from '../../domain/message/message';
import { type Audience, audienceOf } from '../../domain/routing/audience';
import type { UnifiedBody } from '../../protocol/unified-body';
import { readJson, usableId } from './foreign-input';

const TYPE = {
  message: 'wirepost.message',
  claims: 'wirepost.claims',
  probe: 'wirepost.probe',
} as const;
const CLOSE_OBJECT = 0x7d;

type Headers = Readonly<Record<string, unknown>>;

/** An entry as it is published. */
export interface Encoded {
  readonly content: Buffer;
  readonly options: Options.Publish;
}

interface Position {
  readonly offset: number;
  readonly timestamp: number;
  readonly time: number;
}

/**
 * Entries to AMQP and back. What gateways write carries its routing in headers, so that no reader parses a body;
 * they are believed only together with the `user-id` property, which the broker itself verifies against the user of
 * the publishing connection. Everything else is foreign and is checked like any input.
 */
export class LogCodec {
  /** Time of the last entry that a gateway wrote: the log's own clock. */
  private logTime: number | undefined;

  constructor(
    private readonly user: string,
    private readonly clock: Clock,
  ) {}

  encode(entry: NewEntry): Encoded {
    const now = this.clock.now();
    const common = {
      type: TYPE[entry.kind],
      userId: this.user,
      timestamp: Math.floor(now / 1000),
      contentType: 'application/json',
    };
    switch (entry.kind) {
      case 'message':
        return {
          content: asBuffer(entry.body),
          options: {
            ...common,
            messageId: entry.message.id,
            headers: { 'wp-time': now, ...routeOf(entry.message) },
          },
        };
      case 'claims':
        return {
          content: Buffer.from(JSON.stringify(entry.claims)),
          options: { ...common, messageId: this.clock.newId(), headers: { 'wp-time': now } },
        };
      case 'probe':
        return {
          content: Buffer.from('{}'),
          options: { ...common, messageId: entry.id, headers: { 'wp-time': now } },
        };
    }
  }

  /** Reads a delivery; what is not a valid message becomes an invalid entry with the reason. */
  decode(delivery: ConsumeMessage, offset: number): LogEntry {
    const { properties } = delivery;
    const headers: Headers = properties.headers ?? {};
    const time = headers['wp-time'];
    if (properties.userId === this.user && typeof time === 'number') {
      const own = this.own(delivery, headers, { offset, timestamp: time, time });
      if (own !== undefined) {
        this.logTime = time;
        return own;
      }
    }
    return this.foreign(delivery, offset);
  }

  private own(
    { content, properties }: ConsumeMessage,
    headers: Headers,
    position: Position,
  ): LogEntry | undefined {
    const id: unknown = properties.messageId;
    switch (properties.type) {
      case TYPE.message:
        return ownMessage(content, id, headers, position);
      case TYPE.probe:
        return typeof id === 'string' ? { kind: 'probe', id, ...position } : undefined;
      case TYPE.claims: {
        const claims = readClaims(content);
        return claims === undefined ? undefined : { kind: 'claims', claims, ...position };
      }
      default:
        return undefined;
    }
  }

  private foreign({ content, properties }: ConsumeMessage, offset: number): LogEntry {
    const time = this.logTime ?? this.clock.now();
    const published = secondsOf(properties) * 1000;
    try {
      return foreignMessage(content, properties, { offset, time, published });
    } catch (error) {
      const reason = error instanceof Refusal ? `${error.code}: ${error.message}` : String(error);
      return { kind: 'invalid', offset, timestamp: published, time, reason };
    }
  }
}

/** True when two deliveries at the same offset are of the same log. */
export function isSameEntry(a: ConsumeMessage | undefined, b: ConsumeMessage): boolean {
  if (a === undefined) return false;
  const names = ({ properties }: ConsumeMessage): string => {
    const headers: Headers = properties.headers ?? {};
    return [properties.messageId, properties.timestamp, headers['wp-time']].map(String).join(' ');
  };
  return names(a) === names(b) && a.content.equals(b.content);
}

function routeOf(message: Message): Headers {
  const { audience, origin, expiresAt } = message;
  return {
    'wp-send': audience.kind,
    ...(origin.kind === 'client' && { 'wp-from': origin.uniqueId }),
    ...(audience.kind === 'unicast' && { 'wp-to': audience.uniqueId }),
    ...(audience.kind === 'multicast' && {
      'wp-tags': list(audience.tags),
      'wp-businesses': list(audience.businesses),
    }),
    ...(audience.clientType !== '' && { 'wp-client-type': audience.clientType }),
    ...(expiresAt !== 0 && { 'wp-expires': expiresAt }),
  };
}

function ownMessage(
  content: Buffer,
  id: unknown,
  headers: Headers,
  position: Position,
): MessageEntry | undefined {
  const audience = readAudience(headers);
  if (
    audience === undefined ||
    typeof id !== 'string' ||
    content[content.length - 1] !== CLOSE_OBJECT
  )
    return undefined;
  const from = headers['wp-from'];
  const origin =
    typeof from === 'string'
      ? ({ kind: 'client', uniqueId: from, clientType: '' } as const)
      : SERVICE;
  const expires = headers['wp-expires'];
  return {
    kind: 'message',
    id,
    key: keyOf(origin, id),
    audience,
    expiresAt: typeof expires === 'number' ? expires : 0,
    body: content,
    ...position,
  };
}

function readAudience(headers: Headers): Audience | undefined {
  const clientType = typeof headers['wp-client-type'] === 'string' ? headers['wp-client-type'] : '';
  switch (headers['wp-send']) {
    case 'unicast': {
      const to = headers['wp-to'];
      return typeof to === 'string' ? { kind: 'unicast', uniqueId: to, clientType } : undefined;
    }
    case 'multicast': {
      const tags = strings(headers['wp-tags']);
      const businesses = strings(headers['wp-businesses']);
      if (tags === undefined || businesses === undefined) return undefined;
      return { kind: 'multicast', tags, businesses, clientType };
    }
    case 'broadcast':
      return { kind: 'broadcast', clientType };
    default:
      return undefined;
  }
}

function readClaims(content: Buffer): readonly Claim[] | undefined {
  try {
    const value = JSON.parse(content.toString()) as unknown;
    return Array.isArray(value) ? value.filter(isClaim) : undefined;
  } catch {
    return undefined;
  }
}

function isClaim(value: unknown): value is Claim {
  const { key, claimant } = Object(value) as Headers;
  return typeof key === 'string' && typeof claimant === 'string';
}

function foreignMessage(
  content: Buffer,
  properties: MessageProperties,
  { offset, time, published }: { offset: number; time: number; published: number },
): MessageEntry {
  const value = readJson(content);
  const body = checkBody(value);
  if (body.messageType === 'CLIENT_TO_SERVER')
    throw Refusal.field('messageType', 'CLIENT_TO_SERVER is not for clients');
  const timestamp = body.timestamp ?? (published || time);
  const id = body.messageId ?? usableId(properties) ?? `amqp-${String(offset)}`;
  return {
    kind: 'message',
    id,
    key: keyOf(SERVICE, id),
    audience: audienceOf(body),
    expiresAt: expiryOf({ ...body, timestamp }),
    body: bodyBytes(value, body, content, timestamp),
    offset,
    timestamp: body.timestamp ?? published,
    time,
  };
}

/** The bytes as they came where that is possible; `timestamp` is added, `messageId` is taken out. */
function bodyBytes(value: object, body: UnifiedBody, content: Buffer, timestamp: number): Buffer {
  const hasTime = body.timestamp !== undefined;
  if (!Object.hasOwn(value, 'messageId') && (hasTime || !Object.hasOwn(value, 'timestamp'))) {
    const end = content.lastIndexOf(CLOSE_OBJECT);
    if (hasTime) return content.subarray(0, end + 1);
    const suffix = Buffer.from(`,"timestamp":${String(timestamp)}}`);
    return Buffer.concat([content.subarray(0, end), suffix]);
  }
  const { messageId: _, ...rest } = body;
  return Buffer.from(JSON.stringify({ ...rest, timestamp }));
}

function secondsOf(properties: MessageProperties): number {
  const seconds: unknown = properties.timestamp;
  return typeof seconds === 'number' && Number.isSafeInteger(seconds * 1000) && seconds > 0
    ? seconds
    : 0;
}

/** A list of labels as JSON text. RabbitMQ streams keep AMQP 1.0 sections, in which header arrays do not come back. */
function list(labels: readonly string[]): string {
  return JSON.stringify(labels);
}

function strings(value: unknown): readonly string[] | undefined {
  if (typeof value !== 'string') return undefined;
  try {
    const labels = JSON.parse(value) as unknown;
    return Array.isArray(labels) && labels.every((one) => typeof one === 'string')
      ? labels
      : undefined;
  } catch {
    return undefined;
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
