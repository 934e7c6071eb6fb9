import type { ConsumeMessage, Options } from 'amqplib';

import { encodeUpstream } from '../../application/message-json';
import type { Clock } from '../../application/ports/clock';
import type { UpstreamDelivery } from '../../application/ports/upstream';
import { Message, type Origin, SERVICE } from '../../domain/message/message';
import { readJson, usableId } from './foreign-input';

const TYPE = 'wirepost.upstream';

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
    const trusted = properties.type === TYPE && properties.userId === this.user;
    const headers: Headers = trusted ? (properties.headers ?? {}) : {};
    const publishId = headers['wp-publish-id'];
    const attempt = headers['wp-attempt'];
    const value = withId(readJson(content), usableId(properties));
    const repeatable = trusted
      ? headers['wp-repeatable'] === true
      : Object.hasOwn(value, 'messageId');
    return {
      message: Message.revive(value, originOf(headers), repeatable, this.clock),
      publishId: typeof publishId === 'string' ? publishId : undefined,
      attempt: typeof attempt === 'number' ? attempt : 1,
    };
  }
}

/** The body with its own `messageId`, else with that of the AMQP properties, else with none. */
function withId(value: object, id: string | undefined): object {
  const { messageId, ...rest } = value as { readonly messageId?: unknown };
  // What counts as absent in a body, see checkBody.
  if (messageId !== undefined && messageId !== null && messageId !== '') return value;
  return id === undefined ? rest : { ...rest, messageId: id };
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
