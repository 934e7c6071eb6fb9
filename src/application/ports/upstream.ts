import type { Message } from '../../domain/message/message';
import type { Counts, Outcome } from '../../domain/routing/redelivery-policy';

/** Whether a queue took what the broker has confirmed. */
export type Routing = 'routed' | 'unroutable';

/** Sends client → server messages to the handlers' queues. */
export abstract class UpstreamPublisher {
  /**
   * Resolves after the broker's confirm: `unroutable` when no queue is bound for the business type.
   * Rejects with a Refusal: UNAVAILABLE (not published) or UNKNOWN_OUTCOME.
   */
  abstract publish(message: Message): Promise<Routing>;
}

/** One delivery of a message to a handler. */
export interface UpstreamDelivery extends Counts {
  readonly message: Message;
  /**
   * Names this publish of the message: the same over redeliveries and retries, another one for a copy that the
   * client sent again. Undefined when another program published it.
   */
  readonly publishId: string | undefined;
}

export interface HandlerQueue {
  readonly businessType: string;
  /** Deliveries at a time (the consumer's prefetch). */
  readonly concurrency: number;
}

/** The handlers' queues: durable, one per business type, acknowledged by hand. */
export abstract class HandlerQueues {
  /**
   * Declares the queue, binds it and consumes it until `stop`. The outcome decides: `done` ⇒ ack; `retry` ⇒ published
   * again with the delay and confirmed, then ack; `reject` ⇒ published to the dead letters and confirmed, then ack.
   * When that publish fails, or `handle` rejects, the delivery is not acknowledged and comes back.
   * What is not a valid message is dead-lettered at once, without `handle`.
   */
  abstract consume(
    queue: HandlerQueue,
    handle: (delivery: UpstreamDelivery) => Promise<Outcome>,
  ): Promise<void>;
  /**
   * A message could not be routed: has the queue of its business type made and bound anew, where this node consumes it. False where
   * it does not.
   */
  abstract restore(businessType: string): boolean;
  /** Takes no more deliveries and resolves when those in work are settled, at most `grace` ms later. */
  abstract stop(grace: number): Promise<void>;
}
