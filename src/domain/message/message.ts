import { type DeliveredBody, RECEIPT, type UnifiedBody } from '../../protocol/unified-body';
import type { Identity } from '../connection/identity';
import { type Audience, audienceOf } from '../routing/audience';
import { takeBody } from './body-rules';

/** Where a message came from: a client whose token was verified, a service with its credentials, or a node, which made its id. */
export type Origin =
  | { readonly kind: 'service' }
  | { readonly kind: 'node' }
  | ({ readonly kind: 'client' } & Identity);

export const SERVICE: Origin = { kind: 'service' };
export const NODE: Origin = { kind: 'node' };
/** The sender of what nodes give an id. No client has an empty uniqueId, so nobody else can use such an id up. */
export const NODE_SENDER = '';

type Body = UnifiedBody & { readonly timestamp: number };

/** What is sent when a client has acknowledged a message. */
export interface Receipt {
  readonly toSender: Message;
  readonly toBackend: Message;
}

/** Where `compose` gets the time and the id that a body lacks. */
export interface Composition {
  /** ms since epoch. */
  now(): number;
  /** A fresh time-ordered UUID (RFC 9562 version 7). */
  newId(): string;
}

/**
 * The message aggregate: one unified body whose every field passed its rule, with the sender's real identity,
 * an id and a timestamp. It cannot exist in any other state, but for the receipt of a message that names no sender, which is for
 * nobody.
 */
export class Message {
  private constructor(
    readonly origin: Origin,
    /** Canonical, without `messageId`, which travels beside it. */
    readonly body: Body,
    readonly id: string,
    /** True when the sender chose the id, so that it may repeat the message. */
    readonly repeatable: boolean,
  ) {}

  /**
   * Makes a message of what somebody sent. From a client the sender fields are overwritten with its identity.
   * Throws a Refusal that names the field at fault.
   */
  static compose(value: unknown, origin: Origin, by: Composition): Message {
    const taken = takeBody(value);
    const { messageId } = taken;
    if (origin.kind === 'client') {
      taken.body.fromUniqueId = origin.uniqueId;
      taken.body.fromClientType = origin.clientType;
    }
    const body = Object.assign(taken.body, { timestamp: taken.body.timestamp ?? by.now() });
    return new Message(origin, body, messageId ?? by.newId(), messageId !== undefined);
  }

  /** A message that was composed elsewhere and comes back from a queue; `repeatable` as it was then. */
  static revive(value: unknown, origin: Origin, repeatable: boolean, by: Composition): Message {
    const message = Message.compose(value, origin, by);
    return new Message(message.origin, message.body, message.id, repeatable);
  }

  /**
   * What tells that a client has acknowledged a message: its sender, and a backend that asks for receipts. `now` in ms since
   * epoch.
   */
  static receiptFor(
    of: DeliveredBody,
    { uniqueId, clientType }: Identity,
    id: string,
    now: number,
  ): Receipt {
    const { businessType, messageId, fromUniqueId, fromClientType } = of;
    const common = {
      sendType: 'UNICAST',
      businessType: RECEIPT,
      fromUniqueId: uniqueId,
      fromClientType: clientType,
      timestamp: now,
      content: { businessType, acknowledgedAt: now },
      correlationId: messageId,
    } as const;
    const to = {
      // What another program has published may have null there.
      ...(Boolean(fromUniqueId) && { toUniqueId: fromUniqueId }),
      ...(Boolean(fromClientType) && { toClientType: fromClientType }),
    };
    const back: Body = { ...common, ...to, messageType: 'SERVER_TO_CLIENT' };
    const up: Body = { ...common, messageType: 'CLIENT_TO_SERVER' };
    return {
      toSender: new Message(NODE, back, id, true),
      toBackend: new Message({ kind: 'client', uniqueId, clientType }, up, id, true),
    };
  }

  /** A copy for nobody: a record in the log that no client gets. */
  toNobody(): Message {
    const { toUniqueId: _, toClientType: __, ...body } = this.body;
    return new Message(this.origin, body, this.id, this.repeatable);
  }

  get audience(): Audience {
    return audienceOf(this.body);
  }

  /** ms since epoch after which it is not delivered; 0 when it does not expire. */
  get expiresAt(): number {
    return expiryOf(this.body.timestamp, this.body.ttl);
  }

  /** True when its sender is to be told who acknowledged it. */
  get receipt(): boolean {
    return asksForReceipt(this.body);
  }

  /** uniqueId of the client that sent it, NODE_SENDER of a node's; undefined when a service did. */
  get sender(): string | undefined {
    if (this.origin.kind === 'client') return this.origin.uniqueId;
    return this.origin.kind === 'node' ? NODE_SENDER : undefined;
  }

  /** Names it among all messages: ids of clients are theirs alone, so none can use up one of a service. */
  get key(): string {
    return this.sender === undefined ? `s ${this.id}` : `c ${this.id} ${this.sender}`;
  }
}

/** True when the sender of a body is to be told who acknowledged it. */
export function asksForReceipt({ receipt, sendType, messageType }: UnifiedBody): boolean {
  return receipt === true && sendType === 'UNICAST' && messageType !== 'CLIENT_TO_SERVER';
}

/** ms since epoch after which a body is not delivered; 0 when it does not expire. */
export function expiryOf(timestamp: number, ttl: number | undefined): number {
  return ttl === undefined ? 0 : timestamp + ttl;
}
