import type { Clock } from '../../application/ports/clock';
import { UpstreamPublisher } from '../../application/ports/upstream';
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

  override async publish(message: Message): Promise<'routed' | 'unroutable'> {
    const { content, options } = this.codec.encode({
      message,
      publishId: this.clock.newId(),
      attempt: 1,
    });
    const result = await this.publisher.publish(
      this.names.upstream,
      message.body.businessType,
      content,
      options,
    );
    return result === 'confirmed' ? 'routed' : 'unroutable';
  }
}
