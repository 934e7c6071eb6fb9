import type { Clock } from '../../application/ports/clock';
import { type Routing, UpstreamPublisher } from '../../application/ports/upstream';
import { Refusal } from '../../domain/errors';
import type { Message } from '../../domain/message/message';
import { routeOf } from '../../domain/routing/routing-policy';
import { FIRST } from '../../domain/routing/redelivery-policy';
import type { ConfirmingPublisher } from './confirming-publisher';
import { MAX_BYTES } from './foreign-input';
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
    const { content, options } = this.codec.encode({ message, publishId, ...FIRST });
    // What was written in few characters may be longer as JSON.stringify writes it: 1e20 has 21 digits.
    if (content.length > MAX_BYTES)
      return Promise.reject(
        new Refusal('TOO_LARGE', `the body has ${String(content.length)} bytes`),
      );
    const { key } = routeOf(message);
    return this.publisher.publish(this.names.upstream, key, content, options);
  }
}
