import type { Clock } from '../../application/ports/clock';
import { type Routing, UpstreamPublisher } from '../../application/ports/upstream';
import type { Message } from '../../domain/message/message';
import type { ConfirmingPublisher } from './confirming-publisher';
import type { Names } from './topology';
import type { UpstreamCodec } from './upstream-codec';

/** Publishes to the topic exchange with the business type as routing key. */
export class RabbitMqUpstreamPublisher extends UpstreamPublisher {
  constructor(
    private readonly publisher: ConfirmingPublisher,
    private readonly codec: UpstreamCodec,
    private readonly names: Names,
    private readonly clock: Clock,
  ) {
    super();
  }

  override publish(message: Message): Promise<Routing> {
    // An id that was made for this very message names its one publish as well.
    const publishId = message.repeatable ? this.clock.newId() : message.id;
    const { content, options } = this.codec.encode({ message, publishId, attempt: 1 });
    const { businessType } = message.body;
    return this.publisher.publish(this.names.upstream, businessType, content, options);
  }
}
