import { Logger } from '@nestjs/common';
import type { ConfirmChannel, ConsumeMessage, MessagePropertyHeaders } from 'amqplib';

import type { HandlerQueue, UpstreamDelivery } from '../../application/ports/upstream';
import { Refusal } from '../../domain/errors';
import type { Outcome } from '../../domain/routing/redelivery-policy';
import type { BrokerLink } from './broker-link';
import { ChannelKeeper } from './channel-keeper';
import type { ConfirmingPublisher } from './confirming-publisher';
import { declareHandler, type Names } from './topology';
import type { UpstreamCodec } from './upstream-codec';

/** ms before a delivery that could not be settled goes back to its queue: no hot loop. */
const REQUEUE_PAUSE = 1000;
/** Bytes of a dead letter's own headers (as JSON) above which they are left out: amqplib encodes no more than 64 KiB. */
const MAX_HEADERS = 32 * 1024;

type Handle = (delivery: UpstreamDelivery) => Promise<Outcome>;

/** Consumes one handler's queue. The one place that acknowledges: after the outcome is safe, never before. */
export class AckingConsumer {
  private readonly logger = new Logger(AckingConsumer.name);
  private readonly keeper: ChannelKeeper;
  private readonly name: string;
  private readonly tag: string;
  private readonly work = new Set<Promise<void>>();
  private stopping = false;

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
    await channel.consume(
      this.name,
      (delivery) => {
        if (delivery === null) {
          this.logger.warn(`the broker has cancelled the consumer of ${this.name}`);
          this.keeper.restart();
          return;
        }
        if (this.stopping) return;
        const work = this.settle(channel, delivery).finally(() => {
          this.work.delete(work);
        });
        this.work.add(work);
      },
      { noAck: false, consumerTag: this.tag },
    );
  }

  private async settle(channel: ConfirmChannel, delivery: ConsumeMessage): Promise<void> {
    try {
      await this.process(delivery);
      this.answer(() => {
        channel.ack(delivery);
      });
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      this.logger.error(`a delivery of ${this.name} goes back to its queue: ${text}`);
      await new Promise((resolve) => setTimeout(resolve, REQUEUE_PAUSE));
      this.answer(() => {
        channel.nack(delivery, false, true);
      });
    }
  }

  /** Resolves when the delivery may be acknowledged. */
  private async process(raw: ConsumeMessage): Promise<void> {
    const delivery = this.decode(raw);
    if (delivery instanceof Refusal) {
      await this.bury(raw, `${delivery.code}: ${delivery.message}`, 1);
      return;
    }
    const outcome = await this.handle(delivery);
    if (outcome.kind === 'retry') await this.again(delivery, outcome.delay);
    if (outcome.kind === 'reject') await this.bury(raw, outcome.reason, delivery.attempt);
  }

  private decode(raw: ConsumeMessage): UpstreamDelivery | Refusal {
    try {
      return this.codec.decode(raw);
    } catch (error) {
      if (error instanceof Refusal) return error;
      throw error;
    }
  }

  private async again(delivery: UpstreamDelivery, delay: number): Promise<void> {
    const tier = this.delays.find((one) => one >= delay) ?? this.delays.at(-1) ?? 0;
    const { content, options } = this.codec.encode({ ...delivery, attempt: delivery.attempt + 1 });
    const routing = await this.publisher.publish(
      this.names.retry(tier),
      this.name,
      content,
      options,
    );
    if (routing === 'unroutable') throw new Error('the retry queue is missing');
  }

  private async bury(
    { content, properties }: ConsumeMessage,
    reason: string,
    attempt: number,
  ): Promise<void> {
    const { businessType } = this.queue;
    const id: unknown = properties.messageId;
    const routing = await this.publisher.publish(this.names.dead, businessType, content, {
      ...(typeof id === 'string' && { messageId: id }),
      contentType: 'application/json',
      headers: {
        ...carried(properties.headers),
        'wp-reason': reason,
        'wp-business-type': businessType,
        'wp-attempt': attempt,
        'wp-queue': this.name,
        ...(typeof properties.userId === 'string' && { 'wp-user': properties.userId }),
      },
    });
    if (routing === 'unroutable') throw new Error('the dead letter queue is missing');
  }

  /** On the delivery's own channel: when that is closed, the broker has requeued the delivery already. */
  private answer(how: () => void): void {
    try {
      how();
    } catch {
      this.logger.debug('the channel closed before the answer');
    }
  }
}

/** Headers that a dead letter keeps: all, unless they are so long that adding to them would break the frame. */
function carried(headers: MessagePropertyHeaders | undefined): MessagePropertyHeaders {
  if (headers === undefined || Buffer.byteLength(JSON.stringify(headers)) > MAX_HEADERS) return {};
  return headers;
}

/** Cancels a consumer on a channel that may be closing, which amqplib answers by throwing. */
async function cancelQuietly(channel: ConfirmChannel, tag: string): Promise<void> {
  try {
    await channel.cancel(tag);
  } catch {
    // A closed channel has no consumers.
  }
}
