import { LogWriter, type NewEntry } from '../../application/ports/message-log';
import { Refusal } from '../../domain/errors';
import type { ConfirmingPublisher } from './confirming-publisher';
import type { LogCodec } from './log-codec';
import type { Names } from './topology';

/** Appends by publishing to the fanout exchange that the stream is bound to. */
export class RabbitMqLogWriter extends LogWriter {
  constructor(
    private readonly publisher: ConfirmingPublisher,
    private readonly codec: LogCodec,
    private readonly names: Names,
  ) {
    super();
  }

  override append(entry: NewEntry): Promise<void> {
    const { content, options } = this.codec.encode(entry);
    const key = entry.kind === 'message' ? entry.message.body.businessType : '';
    return this.publisher.publish(this.names.push, key, content, options).then(refuseReturned);
  }
}

function refuseReturned(result: 'confirmed' | 'returned'): void {
  if (result === 'returned')
    throw new Refusal('UNAVAILABLE', 'the log is not bound to its exchange');
}
