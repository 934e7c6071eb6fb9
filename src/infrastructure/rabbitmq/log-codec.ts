import type { ConsumeMessage, MessageProperties, Options } from 'amqplib';

import type { Clock } from '../../application/ports/clock';
import type { NewEntry, NewMessage } from '../../application/ports/message-log';
import { Refusal } from '../../domain/errors';
import type { Revocation } from '../../domain/connection/revocations';
import type { Claim, LogEntry, MessageEntry } from '../../domain/log/log-entry';
import { checkBody, checkNumbers, LAST_INSTANT } from '../../domain/message/body-rules';
import { asksForReceipt, expiryOf, NODE_SENDER } from '../../domain/message/message';
import { audienceOf } from '../../domain/routing/audience';
import type { BrokerUser } from './broker-user';
import { bodyBytes } from './foreign-body';
import { readObject, usableId } from './foreign-input';
import { decodeMessages, encodeMessages } from './message-batch';

const TYPE = {
  messages: 'wirepost.messages',
  claims: 'wirepost.claims',
  probe: 'wirepost.probe',
  revocation: 'wirepost.revocation',
} as const;

type Headers = Readonly<Record<string, unknown>>;
/** Of an object that was parsed, before its values are checked. */
type Fields = Readonly<Record<string, unknown>>;

/** An entry as it is published. */
export interface Encoded {
  readonly content: Buffer;
  readonly options: Options.Publish;
}

/**
 * Entries to AMQP and back. What gateways write carries its routing in front of the bodies, so that no reader parses
 * one; it is believed only together with the `user-id` property, which the broker itself verifies against the user of
 * the publishing connection, see BrokerUser. Everything else is foreign and is checked like any input.
 */
export class LogCodec {
  /** Time of the last entry that a gateway wrote: the log's own clock. */
  private logTime: number | undefined;
  private published = 0;

  /** What the ids of messages without one begin with, before their offset. */
  private readonly unnamed: string;

  /** `partition`: its number where there are several, since offsets are unique within one only. */
  constructor(
    private readonly user: BrokerUser,
    private readonly clock: Clock,
    partition?: number,
  ) {
    this.unnamed = partition === undefined ? 'amqp-' : `amqp-${String(partition)}-`;
  }

  /** Messages that are logged together, as one entry. */
  encodeMessages(messages: readonly NewMessage[]): Encoded {
    const content = encodeMessages(messages, this.clock.now());
    // An id that tells publishes apart when one is returned; nobody reads it.
    const messageId = String((this.published += 1));
    return { content, options: { type: TYPE.messages, userId: this.user.name, messageId } };
  }

  encode(entry: Exclude<NewEntry, NewMessage>): Encoded {
    const now = this.clock.now();
    return {
      content: Buffer.from(JSON.stringify(contentOf(entry))),
      options: {
        type: TYPE[entry.kind],
        userId: this.user.name,
        messageId: entry.kind === 'probe' ? entry.id : this.clock.newId(),
        contentType: 'application/json',
        headers: { 'wp-time': now },
      },
    };
  }

  /** Reads a delivery: messages, or one entry of another kind; what is not valid becomes an entry with the reason. */
  decode(delivery: ConsumeMessage, offset: number): readonly LogEntry[] {
    if (this.user.believes(delivery.properties.userId)) {
      const own = this.own(delivery, offset);
      const time = own?.[0]?.time;
      if (own !== undefined && time !== undefined) {
        this.logTime = time;
        return own;
      }
    }
    return [this.foreign(delivery, offset)];
  }

  /** When a gateway logged it, ms since epoch; undefined for what others published. */
  timeOf(delivery: ConsumeMessage): number | undefined {
    return this.user.believes(delivery.properties.userId)
      ? this.own(delivery, 0)?.[0]?.time
      : undefined;
  }

  private own(
    { content, properties }: ConsumeMessage,
    offset: number,
  ): readonly LogEntry[] | undefined {
    if (properties.type === TYPE.messages) return decodeMessages(content, offset);
    const id: unknown = properties.messageId;
    const time: unknown = (properties.headers as Headers | undefined)?.['wp-time'];
    if (typeof time !== 'number') return undefined;
    const position = { offset, timestamp: time, time };
    if (properties.type === TYPE.probe)
      return typeof id === 'string' ? [{ kind: 'probe', id, ...position }] : undefined;
    if (properties.type === TYPE.revocation) {
      const revocation = readRevocation(content);
      return revocation && [{ kind: 'revocation', ...revocation, ...position }];
    }
    if (properties.type !== TYPE.claims) return undefined;
    const claims = readClaims(content);
    return claims && [{ kind: 'claims', claims, ...position }];
  }

  private foreign({ content, properties }: ConsumeMessage, offset: number): LogEntry {
    const time = this.logTime ?? this.clock.now();
    const published = secondsOf(properties) * 1000;
    try {
      return foreignMessage(content, properties, { offset, time, published }, this.unnamed);
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

function contentOf(entry: Exclude<NewEntry, NewMessage>): unknown {
  if (entry.kind === 'claims') return entry.claims;
  if (entry.kind === 'probe') return {};
  const { uniqueId, clientType, before, replaced } = entry;
  return { uniqueId, clientType, before, replaced };
}

function readClaims(content: Buffer): readonly Claim[] | undefined {
  const value = readOwn(content);
  return Array.isArray(value) ? value.filter(isClaim) : undefined;
}

function readRevocation(content: Buffer): Revocation | undefined {
  const { uniqueId, clientType, before, replaced } = Object(readOwn(content)) as Fields;
  if (typeof uniqueId !== 'string' || typeof clientType !== 'string') return undefined;
  if (typeof before !== 'number') return undefined;
  // Builds before `single` have written none.
  return { uniqueId, clientType, before, replaced: replaced === true };
}

function readOwn(content: Buffer): unknown {
  try {
    return JSON.parse(content.toString());
  } catch {
    return undefined;
  }
}

function isClaim(value: unknown): value is Claim {
  const { key, claimant } = Object(value) as Fields;
  return typeof key === 'string' && typeof claimant === 'string';
}

function foreignMessage(
  content: Buffer,
  properties: MessageProperties,
  { offset, time, published }: { offset: number; time: number; published: number },
  unnamed: string,
): MessageEntry {
  const value = readObject(content);
  const body = checkBody(value);
  checkNumbers(body.content);
  if (body.messageType === 'CLIENT_TO_SERVER')
    throw Refusal.field('messageType', 'CLIENT_TO_SERVER is not for clients');
  const timestamp = body.timestamp ?? (published || time);
  const id = body.messageId ?? usableId(properties);
  return {
    kind: 'message',
    id: id ?? `${unnamed}${String(offset)}`,
    // Who knows the offsets to come could use these ids up before.
    sender: id === undefined ? NODE_SENDER : undefined,
    audience: audienceOf(body),
    expiresAt: expiryOf(timestamp, body.ttl),
    receipt: asksForReceipt(body),
    body: bodyBytes(value, body, content),
    stamp: body.timestamp === undefined ? timestamp : undefined,
    offset,
    timestamp: body.timestamp ?? published,
    time,
  };
}

function secondsOf(properties: MessageProperties): number {
  const seconds: unknown = properties.timestamp;
  if (typeof seconds !== 'number' || !Number.isInteger(seconds)) return 0;
  return seconds > 0 && seconds * 1000 <= LAST_INSTANT ? seconds : 0;
}
