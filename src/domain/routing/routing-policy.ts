import type { MessageType } from '../../protocol/unified-body';
import { Refusal } from '../errors';
import type { Message } from '../message/message';

/** Which exchange a message goes to, and with which routing key. */
export interface Route {
  /** `push` leads to the log, `upstream` to the handlers' queues. */
  readonly exchange: 'push' | 'upstream';
  readonly key: string;
}

const EXCHANGE: Readonly<Record<MessageType, Route['exchange']>> = {
  SERVER_TO_CLIENT: 'push',
  CLIENT_TO_CLIENT: 'push',
  CLIENT_TO_SERVER: 'upstream',
};

/** The route of a message: its kind decides the exchange, its business type is the key. */
export function routeOf(message: Message): Route {
  return { exchange: EXCHANGE[message.body.messageType], key: message.body.businessType };
}

/** Throws when a receipt is asked for anything but a UNICAST to a client. */
export function checkReceipt({ body, receipt }: Message): void {
  if (body.receipt === true && !receipt)
    throw Refusal.field('receipt', 'must be false or absent unless it is a UNICAST to a client');
}

/** Throws unless the message goes to clients. */
export function checkIsPush(message: Message): void {
  if (routeOf(message).exchange !== 'push') {
    throw Refusal.field('messageType', 'must be SERVER_TO_CLIENT or CLIENT_TO_CLIENT for a push');
  }
}
