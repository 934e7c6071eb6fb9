import {
  type HandlerQueue,
  HandlerQueues,
  type UpstreamDelivery,
} from '../../application/ports/upstream';
import type { Outcome } from '../../domain/routing/redelivery-policy';
import { AckingConsumer } from './acking-consumer';
import type { BrokerLink } from './broker-link';
import type { ConfirmingPublisher } from './confirming-publisher';
import type { Names } from './topology';
import type { UpstreamCodec } from './upstream-codec';

/** One quorum queue and one consumer for each business type. */
export class RabbitMqHandlerQueues extends HandlerQueues {
  private readonly consumers = new Map<string, AckingConsumer>();

  constructor(
    private readonly link: BrokerLink,
    private readonly publisher: ConfirmingPublisher,
    private readonly codec: UpstreamCodec,
    private readonly names: Names,
    private readonly delays: readonly number[],
  ) {
    super();
  }

  override async consume(
    queue: HandlerQueue,
    handle: (delivery: UpstreamDelivery) => Promise<Outcome>,
  ): Promise<void> {
    const { link, publisher, codec, names, delays } = this;
    const consumer = new AckingConsumer(link, publisher, codec, names, delays, queue, handle);
    this.consumers.set(queue.businessType, consumer);
    await consumer.start();
  }

  override restore(businessType: string): boolean {
    const consumer = this.consumers.get(businessType);
    consumer?.declareAgain();
    return consumer !== undefined;
  }

  override async stop(grace: number): Promise<void> {
    await Promise.all([...this.consumers.values()].map((one) => one.stop(grace)));
  }
}
