import { Logger } from '@nestjs/common';

import type { Clock } from '../../application/ports/clock';
import {
  type HandlerQueue,
  HandlerQueues,
  type Routing,
  type UpstreamDelivery,
  UpstreamPublisher,
} from '../../application/ports/upstream';
import type { Message } from '../../domain/message/message';
import { countsAfter, FIRST, type Outcome } from '../../domain/routing/redelivery-policy';

/** Dead letters that are kept for looking at. */
const DEAD_LETTERS = 1000;
/** ms before a delivery whose handling failed in itself comes back. */
const REQUEUE_DELAY = 1000;

type Handle = (delivery: UpstreamDelivery) => Promise<Outcome>;

interface Queue {
  readonly concurrency: number;
  readonly handle: Handle;
  readonly waiting: UpstreamDelivery[];
  working: number;
}

/** A message that was given up, and why. */
export interface DeadLetter {
  readonly message: Message;
  readonly reason: string;
  readonly attempt: number;
}

/** The handlers' queues in memory, with the same contract as the broker's. */
export class EmbeddedQueues extends HandlerQueues {
  private readonly logger = new Logger(EmbeddedQueues.name);
  private readonly queues = new Map<string, Queue>();
  private readonly idle: (() => void)[] = [];
  private readonly timers = new Set<NodeJS.Timeout>();
  private stopped = false;
  /** The last of those that were given up. */
  readonly deadLetters: DeadLetter[] = [];

  override consume({ businessType, concurrency }: HandlerQueue, handle: Handle): Promise<void> {
    this.queues.set(businessType, { concurrency, handle, waiting: [], working: 0 });
    return Promise.resolve();
  }

  /** False when there is no queue for the business type. */
  offer(businessType: string, delivery: UpstreamDelivery): boolean {
    const queue = this.queues.get(businessType);
    if (queue === undefined) return false;
    queue.waiting.push(delivery);
    setImmediate(() => {
      this.work(queue);
    });
    return true;
  }

  /** Nobody can take a queue away here. */
  override restore(): boolean {
    return false;
  }

  override async stop(grace: number): Promise<void> {
    this.stopped = true;
    for (const timer of this.timers) clearTimeout(timer);
    if (this.inWork === 0) return;
    let timer: NodeJS.Timeout | undefined;
    const limit = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, grace);
    });
    await Promise.race([limit, new Promise<void>((resolve) => this.idle.push(resolve))]);
    clearTimeout(timer);
  }

  private get inWork(): number {
    let sum = 0;
    for (const queue of this.queues.values()) sum += queue.working;
    return sum;
  }

  private work(queue: Queue): void {
    while (!this.stopped && queue.working < queue.concurrency) {
      const delivery = queue.waiting.shift();
      if (delivery === undefined) return;
      queue.working += 1;
      void this.deliver(queue, delivery).finally(() => {
        queue.working -= 1;
        this.work(queue);
        if (this.inWork === 0) for (const resolve of this.idle.splice(0)) resolve();
      });
    }
  }

  private async deliver(queue: Queue, delivery: UpstreamDelivery): Promise<void> {
    try {
      const outcome = await queue.handle(delivery);
      if (outcome.kind === 'retry')
        this.later(queue, { ...delivery, ...countsAfter(delivery, outcome) }, outcome.delay);
      if (outcome.kind === 'reject') this.bury(delivery, outcome.reason);
    } catch (error) {
      this.logger.error(error);
      this.later(queue, delivery, REQUEUE_DELAY);
    }
  }

  private later(queue: Queue, delivery: UpstreamDelivery, delay: number): void {
    if (this.stopped) return;
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      queue.waiting.push(delivery);
      this.work(queue);
    }, delay);
    this.timers.add(timer);
  }

  private bury({ message, attempt }: UpstreamDelivery, reason: string): void {
    if (this.deadLetters.push({ message, reason, attempt }) > DEAD_LETTERS)
      this.deadLetters.shift();
  }
}

/** Puts messages into the embedded queues. */
export class EmbeddedUpstreamPublisher extends UpstreamPublisher {
  constructor(
    private readonly queues: EmbeddedQueues,
    private readonly clock: Clock,
  ) {
    super();
  }

  override publish(message: Message): Promise<Routing> {
    const delivery = { message, publishId: this.clock.newId(), ...FIRST };
    const routed = this.queues.offer(message.body.businessType, delivery);
    return new Promise((resolve) => {
      setImmediate(resolve, routed ? 'routed' : 'unroutable');
    });
  }
}
