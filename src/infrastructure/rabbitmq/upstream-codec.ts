import type { ConsumeMessage, Options } from 'amqplib';

import { encodeUpstream } from '../../application/message-json';
import type { Clock } from '../../application/ports/clock';
import type { UpstreamDelivery } from '../../application/ports/upstream';
import { Refusal } from '../../domain/errors';
import { Message, type Origin, SERVICE } from '../../domain/message/message';
import { isDeeperThan } from '../../protocol/json-text';
import { LIMITS, MESSAGE_ID } from '../../protocol/unified-body';

const TYPE = 'wirepost.upstream';
const MAX_BYTES = 1024 * 1024;

type Headers = Readonly<Record<string, unknown>>;

/** Upstream messages to AMQP and back; headers are believed only with the `user-id` that the broker has verified. */
export class UpstreamCodec {
  constructor(
    private readonly user: string,
    private readonly clock: Clock,
  ) {}

  encode({ message, publishId, attempt }: UpstreamDelivery): {
    content: Buffer;
    options: Options.Publish;
  } {
    const { origin, body } = message;
    return {
      content: encodeUpstream(message),
      options: {
        type: TYPE,
        userId: this.user,
        messageId: message.id,
        ...(body.correlationId !== undefined && { correlationId: body.correlationId }),
        contentType: 'application/json',
        timestamp: Math.floor(this.clock.now() / 1000),
        headers: {
          'wp-attempt': attempt,
          'wp-repeatable': message.repeatable,
          ...(publishId !== undefined && { 'wp-publish-id': publishId }),
          ...(origin.kind === 'client' && {
            'wp-from': origin.uniqueId,
            'wp-from-client-type': origin.clientType,
          }),
        },
      },
    };
  }

  /** Throws a Refusal for what is not a valid message. */
  decode({ content, properties }: ConsumeMessage): UpstreamDelivery {
    const value = parse(content);
    const trusted = properties.type === TYPE && properties.userId === this.user;
    const headers: Headers = trusted ? (properties.headers ?? {}) : {};
    const publishId = headers['wp-publish-id'];
    const attempt = headers['wp-attempt'];
    const named = idOf(properties.messageId);
    const repeatable = trusted
      ? headers['wp-repeatable'] === true
      : 'messageId' in named || 'messageId' in value;
    return {
      message: Message.revive({ ...named, ...value }, originOf(headers), repeatable, this.clock),
      publishId: typeof publishId === 'string' ? publishId : undefined,
      attempt: typeof attempt === 'number' ? attempt : 1,
    };
  }
}

/** A usable `message-id` property, as the field of a body. */
function idOf(id: unknown): { readonly messageId?: string } {
  return typeof id === 'string' && id.length <= LIMITS.id && MESSAGE_ID.test(id)
    ? { messageId: id }
    : {};
}

function parse(content: Buffer): object {
  if (content.length > MAX_BYTES) throw new Refusal('TOO_LARGE', `${String(content.length)} bytes`);
  const text = content.toString();
  if (isDeeperThan(LIMITS.depth, text)) throw new Refusal('TOO_DEEP');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Refusal('BAD_JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Refusal('BAD_JSON');
  return value;
}

function originOf(headers: Headers): Origin {
  const from = headers['wp-from'];
  if (typeof from !== 'string') return SERVICE;
  const clientType = headers['wp-from-client-type'];
  return {
    kind: 'client',
    uniqueId: from,
    clientType: typeof clientType === 'string' ? clientType : '',
  };
}
