import type { ConsumeMessage, MessageProperties, Options } from 'amqplib';

import { encodeUpstream } from '../../application/message-json';
import type { Clock } from '../../application/ports/clock';
import type { UpstreamDelivery } from '../../application/ports/upstream';
import { Message, type Origin, SERVICE } from '../../domain/message/message';
import { type Counts, FIRST } from '../../domain/routing/redelivery-policy';
import type { BrokerUser } from './broker-user';
import { readObject, usableId } from './foreign-input';

const TYPE = 'wirepost.upstream';
/**
 * What gateways tell each other travels in the property `app-id`: kind of the sender, attempt (`3`, or `3+2` after two outages),
 * whether the sender may repeat it, and the publish id. A table of headers in its place costs the publisher 4 µs a message.
 */
const APP_ID = /^wirepost (client|service) (\d+)(?:\+(\d+))? (repeatable|once) (\S+)$/;
const NO_PUBLISH_ID = '-';

interface Note extends Counts {
  readonly fromClient: boolean;
  readonly repeatable: boolean;
  readonly publishId: string | undefined;
}

/** Upstream messages to AMQP and back; `app-id` is believed only with the `user-id` that the broker has verified. */
export class UpstreamCodec {
  constructor(
    private readonly user: BrokerUser,
    private readonly clock: Clock,
  ) {}

  encode({ message, publishId, attempt, outages }: UpstreamDelivery): {
    content: Buffer;
    options: Options.Publish;
  } {
    const { origin, body } = message;
    return {
      content: encodeUpstream(message),
      options: {
        type: TYPE,
        userId: this.user.name,
        messageId: message.id,
        ...(body.correlationId !== undefined && { correlationId: body.correlationId }),
        contentType: 'application/json',
        timestamp: Math.floor(this.clock.now() / 1000),
        appId: `wirepost ${origin.kind === 'client' ? 'client' : 'service'} ${String(attempt)}${outages === 0 ? '' : `+${String(outages)}`} ${
          message.repeatable ? 'repeatable' : 'once'
        } ${publishId ?? NO_PUBLISH_ID}`,
      },
    };
  }

  /** Throws a Refusal for what is not a valid message. */
  decode({ content, properties }: ConsumeMessage): UpstreamDelivery {
    const note = this.isOwn(properties) ? noteOf(properties.appId) : undefined;
    const value = withId(readObject(content), usableId(properties));
    const { attempt, outages } = note ?? FIRST;
    const repeatable = note?.repeatable ?? Object.hasOwn(value, 'messageId');
    const origin = note?.fromClient === true ? clientOf(value) : SERVICE;
    return {
      message: Message.revive(value, origin, repeatable, this.clock),
      publishId: note?.publishId,
      attempt,
      outages,
    };
  }

  /** What a gateway's message must keep to be one when it is published once more, by this one's user. */
  carried(properties: MessageProperties): Options.Publish {
    if (!this.isOwn(properties) || noteOf(properties.appId) === undefined) return {};
    return { type: TYPE, userId: this.user.name, appId: String(properties.appId) };
  }

  private isOwn({ type, userId }: MessageProperties): boolean {
    return type === TYPE && this.user.believes(userId);
  }
}

/** The body with its own `messageId`, else with that of the AMQP properties, else with none. */
function withId(value: object, id: string | undefined): object {
  const { messageId, ...rest } = value as { readonly messageId?: unknown };
  // What counts as absent in a body, see checkBody.
  if (messageId !== undefined && messageId !== null && messageId !== '') return value;
  return id === undefined ? rest : { ...rest, messageId: id };
}

function noteOf(appId: unknown): Note | undefined {
  const [, kind, attempt, outages = 0, repeatable, publishId] = APP_ID.exec(String(appId)) ?? [];
  if (publishId === undefined) return undefined;
  return {
    fromClient: kind === 'client',
    attempt: Number(attempt),
    outages: Number(outages),
    repeatable: repeatable === 'repeatable',
    publishId: publishId === NO_PUBLISH_ID ? undefined : publishId,
  };
}

/** The identity that a gateway has written into the body of a client's message. */
function clientOf(body: object): Origin {
  const { fromUniqueId, fromClientType } = body as Readonly<Record<string, unknown>>;
  return {
    kind: 'client',
    uniqueId: typeof fromUniqueId === 'string' ? fromUniqueId : '',
    clientType: typeof fromClientType === 'string' ? fromClientType : '',
  };
}
