import { LogEnds } from '../../application/ports/message-log';
import { Refusal } from '../../domain/errors';
import { Cursor } from '../../domain/log/cursor';
import { endOfEntry } from '../../protocol/cursor';
import type { BrokerLink } from './broker-link';
import type { LogCodec } from './log-codec';
import { newestEntry, offsetOf } from './log-end';
import type { Stream } from './topology';

/** Looks at the ends of streams, by a consumer that takes what their last chunks hold. */
export class RabbitMqLogEnds extends LogEnds {
  constructor(
    private readonly link: BrokerLink,
    private readonly codec: LogCodec,
    private readonly streams: readonly Stream[],
  ) {
    super();
  }

  override async newest(partition: number): Promise<Cursor> {
    const name = this.streams[partition]?.name ?? '';
    const delivery = await newestEntry(this.link.connection, name).catch(() => undefined);
    const offset = delivery === undefined ? undefined : offsetOf(delivery);
    if (delivery === undefined || offset === undefined)
      throw new Refusal('UNAVAILABLE', `partition ${String(partition)} of the log has no end yet`);
    // Messages that were logged together have positions of their own.
    const last = this.codec.decode(delivery, offset).at(-1);
    // What a later build has written is an entry of unknown time: the position is behind it.
    return last === undefined
      ? new Cursor(endOfEntry(offset), 0)
      : new Cursor(last.offset, last.timestamp);
  }
}
