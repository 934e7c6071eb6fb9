import { applyDecorators, Injectable, SetMetadata } from '@nestjs/common';

import type { UnifiedBody } from '../../protocol/unified-body';
import type { Message } from '../../domain/message/message';

export { RetryableError } from '../../domain/errors';

/** How a business type is worked on. */
export interface HandlerOptions {
  /** Messages at a time on one node, 65 535 at most; default 10. */
  readonly concurrency?: number;
  /**
   * ms after which an attempt counts as failed (retryable), a day at most; default 30 000. RabbitMQ's `consumer_timeout`,
   * 30 minutes unless it is set, must be longer.
   */
  readonly timeout?: number;
  /** Deliveries in all, the first one included, before the dead letter, 10 000 at most; default 5. */
  readonly attempts?: number;
  /** Who may send it: `client` (default), or `service` for what only backends publish over AMQP. */
  readonly from?: 'client' | 'service' | 'anyone';
}

/** What surrounds one attempt. */
export interface HandlerContext {
  /** Counts from 1. */
  readonly attempt: number;
  /** Aborted when the attempt has timed out, or the node stops and does not wait any longer: the message will come again. */
  readonly signal: AbortSignal;
}

/** An answer to the sender, correlated with its message. */
export interface Reply {
  /** Its `content`: what JSON can say. `unknown`, since TypeScript takes no interface for `Json`. */
  readonly reply: unknown;
  /** Default: the business type of the message. */
  readonly businessType?: string;
}

/** A push to anybody: a unified body of kind SERVER_TO_CLIENT or CLIENT_TO_CLIENT. */
export interface Push {
  readonly push: Omit<UnifiedBody, 'content'> & { readonly content?: unknown };
}

export type Outgoing = Reply | Push;
// eslint-disable-next-line @typescript-eslint/no-invalid-void-type -- a handler that answers nothing returns nothing
export type HandlerResult = Outgoing | readonly Outgoing[] | undefined | void;

/**
 * The extension point: one class with one method for one business type.
 * What `handle` returns is pushed, and confirmed, before the message is acknowledged. Resolves ⇒ ack;
 * throws RetryableError or times out ⇒ delayed retry; throws anything else, or the last attempt ⇒ dead letter.
 * A message may come twice (at least once): after a crash, and when its handler takes longer than a node that stops waits.
 */
export interface Handler {
  handle(message: Message, context: HandlerContext): Promise<HandlerResult>;
}

/** What `@BusinessHandler` leaves on a class. */
export interface HandlerMetadata extends HandlerOptions {
  readonly businessType: string;
}

export const HANDLER_METADATA = 'wirepost:business-handler';

/** Makes a class the handler of a business type; the class must be a provider of a Nest module. */
export function BusinessHandler(
  businessType: string,
  options: HandlerOptions = {},
): ClassDecorator {
  return applyDecorators(
    Injectable(),
    onlyOnce(businessType),
    SetMetadata<string, HandlerMetadata>(HANDLER_METADATA, { businessType, ...options }),
  );
}

/** Of two on one class, the inner one would be forgotten. */
function onlyOnce(businessType: string): ClassDecorator {
  return (marked) => {
    if (Reflect.hasOwnMetadata(HANDLER_METADATA, marked))
      throw new Error(
        `@BusinessHandler('${businessType}') of ${marked.name}: one class handles one business type`,
      );
  };
}
