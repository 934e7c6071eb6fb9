import { Logger } from '@nestjs/common';
import type { ConfirmChannel, ConsumeMessage } from 'amqplib';

import type { HandlerQueue, UpstreamDelivery } from '../../application/ports/upstream';
import { Refusal } from '../../domain/errors';
import { countsAfter, type Outcome, type Retry } from '../../domain/routing/redelivery-policy';
import type { BrokerLink } from './broker-link';
import { carriedHeaders } from './carried-headers';
import { ChannelKeeper } from './channel-keeper';
import { type ConfirmingPublisher, NotWritable } from './confirming-publisher';
import { declareHandler, type Names } from './topology';
import type { UpstreamCodec } from './upstream-codec';

/** ms before what a delivery needs is tried once more: no hot loop. */
const PAUSE = 1000;
/** Characters of a reason that a dead letter keeps. */
const MAX_REASON = 1000;
/** Bytes of a `message-id`. */
const MAX_ID = 255;

type Handle = (delivery: UpstreamDelivery) => Promise<Outcome>;

interface Burial {
  readonly reason: string;
  readonly attempt: number;
  /** Without what the delivery brought beside its content and its id. */
  readonly isBare?: boolean;
}

/** Consumes one handler's queue. The one place that acknowledges: after the outcome is safe, never before. */
export class AckingConsumer {
  private readonly logger = new Logger(AckingConsumer.name);
  private readonly keeper: ChannelKeeper;
  private readonly name: string;
  private readonly tag: string;
  private readonly work = new Set<Promise<void>>();
  private stopping = false;
  private declaring = false;

  constructor(
    link: BrokerLink,
    private readonly publisher: ConfirmingPublisher,
    private readonly codec: UpstreamCodec,
    private readonly names: Names,
    private readonly delays: readonly number[],
    private readonly queue: HandlerQueue,
    private readonly handle: Handle,
  ) {
    this.name = names.handler(queue.businessType);
    this.tag = `wirepost ${queue.businessType}`;
    this.keeper = new ChannelKeeper(link, this.name, (channel) => this.subscribe(channel));
  }

  start(): Promise<void> {
    return this.keeper.start();
  }

  /** Makes the queue and its binding anew; one that is declared otherwise costs the channel, and that comes again. */
  declareAgain(): void {
    const { channel } = this.keeper;
    // A new channel declares by itself.
    if (channel === undefined || this.declaring) return;
    this.declaring = true;
    this.logger.warn(`declares ${this.name} anew: the broker could not route a message to it`);
    declareHandler(channel, this.names, this.queue.businessType)
      .catch((error: unknown) => {
        this.logger.warn(`not declared: ${String(error)}`);
      })
      .finally(() => {
        this.declaring = false;
      });
  }

  /** Cancels first, then waits for what is in work, at most `grace` ms. */
  async stop(grace: number): Promise<void> {
    this.stopping = true;
    let timer: NodeJS.Timeout | undefined;
    const limit = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, grace);
    });
    await Promise.race([limit, this.finish()]);
    clearTimeout(timer);
    await this.keeper.stop();
  }

  private async finish(): Promise<void> {
    const { channel } = this.keeper;
    if (channel !== undefined) await cancelQuietly(channel, this.tag);
    await Promise.all(this.work);
  }

  private async subscribe(channel: ConfirmChannel): Promise<void> {
    await declareHandler(channel, this.names, this.queue.businessType);
    await channel.prefetch(this.queue.concurrency);
    const closing = new AbortController();
    channel.once('close', () => {
      closing.abort();
    });
    await channel.consume(
      this.name,
      (delivery) => {
        if (delivery === null) {
          this.logger.warn(`the broker has cancelled the consumer of ${this.name}`);
          this.keeper.restart();
          return;
        }
        if (this.stopping) return;
        const work = this.settle(channel, closing.signal, delivery).finally(() => {
          this.work.delete(work);
        });
        this.work.add(work);
      },
      { noAck: false, consumerTag: this.tag },
    );
  }

  /**
   * Acknowledges a delivery when its outcome is safe. What cannot be done now is tried again here: a delivery that goes
   * back to its queue is handled once more, and RabbitMQ 4 drops one that has gone back 20 times.
   */
  private async settle(
    channel: ConfirmChannel,
    closed: AbortSignal,
    raw: ConsumeMessage,
  ): Promise<void> {
    const delivery = this.decode(raw);
    const outcome =
      delivery instanceof Refusal
        ? reject(`${delivery.code}: ${delivery.message}`)
        : await this.repeat(closed, () => this.handle(delivery));
    // When the channel has closed, the broker has requeued the delivery; a retry on top would be a second copy.
    if (outcome === undefined || closed.aborted) return;
    const isSafe = await this.repeat(closed, this.securing(raw, delivery, outcome));
    if (isSafe === true) ack(channel, raw);
  }

  /** Publishes what an outcome asks for, each time it is called, and resolves when that is confirmed. */
  private securing(
    raw: ConsumeMessage,
    delivery: UpstreamDelivery | Refusal,
    outcome: Outcome,
  ): () => Promise<true> {
    const attempt = delivery instanceof Refusal ? 1 : delivery.attempt;
    let publish = async (): Promise<void> => {
      if (outcome.kind === 'retry' && !(delivery instanceof Refusal))
        await this.again(delivery, outcome);
      if (outcome.kind === 'reject') await this.bury(raw, { reason: outcome.reason, attempt });
    };
    return async () => {
      try {
        await publish();
      } catch (error) {
        if (!(error instanceof NotWritable) || outcome.kind === 'done') throw error;
        // It could not be written the next time either.
        const reason = `${outcome.reason} (it cannot be written again: ${error.message})`;
        publish = () => this.bury(raw, { reason, attempt, isBare: true });
        await publish();
      }
      return true;
    };
  }

  /** Undefined when the channel has closed, so that the broker has the delivery back, or when the consumer stops. */
  private async repeat<T>(closed: AbortSignal, what: () => Promise<T>): Promise<T | undefined> {
    for (;;) {
      try {
        return await what();
      } catch (error) {
        const text = error instanceof Error ? error.message : String(error);
        this.logger.error(`a delivery of ${this.name} has to wait: ${text}`);
      }
      if (this.isOver(closed)) return undefined;
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
      if (this.isOver(closed)) return undefined;
    }
  }

  private isOver(closed: AbortSignal): boolean {
    return this.stopping || closed.aborted;
  }

  private decode(raw: ConsumeMessage): UpstreamDelivery | Refusal {
    try {
      return this.codec.decode(raw);
    } catch (error) {
      if (error instanceof Refusal) return error;
      this.logger.error(error);
      return new Refusal('INTERNAL', 'it could not be read');
    }
  }

  private async again(delivery: UpstreamDelivery, outcome: Retry): Promise<void> {
    const { delays } = this;
    const tier = delays.find((one) => one >= outcome.delay) ?? delays.at(-1) ?? 0;
    const next = { ...delivery, ...countsAfter(delivery, outcome) };
    const { content, options } = this.codec.encode(next);
    const routing = await this.publisher.publish(
      this.names.retry(tier),
      this.name,
      content,
      options,
    );
    if (routing === 'unroutable') this.refuseReturned('the retry queue is missing');
  }

  private refuseReturned(reason: string): never {
    this.publisher.declareAgain();
    throw new Error(reason);
  }

  private async bury(
    { content, properties }: ConsumeMessage,
    { reason, attempt, isBare = false }: Burial,
  ): Promise<void> {
    const { businessType } = this.queue;
    const id: unknown = properties.messageId;
    const routing = await this.publisher.publish(this.names.dead, businessType, content, {
      ...(!isBare && this.codec.carried(properties)),
      // Bytes that are no UTF-8 have become longer when they were read.
      ...(typeof id === 'string' && Buffer.byteLength(id) <= MAX_ID && { messageId: id }),
      contentType: 'application/json',
      headers: {
        ...(!isBare && carriedHeaders(properties.headers)),
        'wp-reason': reason.slice(0, MAX_REASON),
        'wp-business-type': businessType,
        'wp-attempt': attempt,
        'wp-queue': this.name,
        ...(typeof properties.userId === 'string' && { 'wp-user': properties.userId }),
      },
    });
    if (routing === 'unroutable') this.refuseReturned('the dead letter queue is missing');
  }
}

function reject(reason: string): Outcome {
  return { kind: 'reject', reason };
}

/** On the delivery's own channel: when that is closed, the broker has the delivery back already. */
function ack(channel: ConfirmChannel, delivery: ConsumeMessage): void {
  try {
    channel.ack(delivery);
  } catch {
    // A closed channel has no deliveries.
  }
}

/** Cancels a consumer on a channel that may be closing, which amqplib answers by throwing. */
async function cancelQuietly(channel: ConfirmChannel, tag: string): Promise<void> {
  try {
    await channel.cancel(tag);
  } catch {
    // A closed channel has no consumers.
  }
}
