import type { ChannelModel, ConsumeMessage } from 'amqplib';

import { closeQuietly } from './channel-keeper';

/** Larger than a chunk of a stream, so that the last one comes without acks. */
const CREDIT = 8000;
/** ms without another delivery after which the log's last chunk counts as read. */
const QUIET = 300;
/** The same where being a little too early does no harm. */
const SHORT_QUIET = 20;
/** ms after the first delivery at which a log that is never quiet has been looked at enough. */
const BUSY = 50;
/** ms for the whole look: under load there is no quiet. */
const LOOK = 2000;

/** The offset of a stream's delivery. */
export function offsetOf(delivery: ConsumeMessage): number | undefined {
  const offset: unknown = delivery.properties.headers?.['x-stream-offset'];
  return typeof offset === 'number' ? offset : undefined;
}

/** How far a stream goes. */
export interface LogEnd {
  readonly offset: number;
  /** The latest that `timeOf` said of the entries shown, whose times need not rise; undefined when it knew none. */
  readonly time: number | undefined;
}

/**
 * The newest entry of a stream as its server has it, or the first one found at or behind `offset`; undefined when it is
 * empty or there is no connection.
 */
export async function endUpTo(
  connection: ChannelModel | undefined,
  stream: string,
  offset: number,
  timeOf: (delivery: ConsumeMessage) => number | undefined,
): Promise<LogEnd | undefined> {
  let end: LogEnd | undefined;
  await look(connection, stream, QUIET, (delivery) => {
    end = { offset: offsetOf(delivery) ?? -1, time: later(end?.time, timeOf(delivery)) };
    return end.offset >= offset;
  });
  return end;
}

function later(one: number | undefined, other: number | undefined): number | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return Math.max(one, other);
}

/** The newest entry of a stream, or on a busy one an entry of the last few ms; undefined when none came. */
export async function newestEntry(
  connection: ChannelModel | undefined,
  stream: string,
): Promise<ConsumeMessage | undefined> {
  let newest: ConsumeMessage | undefined;
  let enough = Infinity;
  await look(connection, stream, SHORT_QUIET, (delivery) => {
    if (newest === undefined) enough = performance.now() + BUSY;
    newest = delivery;
    return performance.now() >= enough;
  });
  return newest;
}

/** Shows the last chunk of a stream and what comes after it, until there is quiet or `seen` returns true. */
async function look(
  connection: ChannelModel | undefined,
  stream: string,
  quiet: number,
  seen: (delivery: ConsumeMessage) => boolean,
): Promise<void> {
  const channel = await connection?.createChannel();
  if (channel === undefined) return;
  channel.on('error', () => undefined);
  let limit: NodeJS.Timeout | undefined;
  let silence: NodeJS.Timeout | undefined;
  try {
    await channel.prefetch(CREDIT);
    await new Promise<void>((resolve, reject) => {
      const onDelivery = (delivery: ConsumeMessage | null): void => {
        if (delivery === null || seen(delivery)) resolve();
        clearTimeout(silence);
        silence = setTimeout(resolve, quiet);
      };
      limit = setTimeout(resolve, LOOK);
      channel
        .consume(stream, onDelivery, { arguments: { 'x-stream-offset': 'last' } })
        .catch(reject);
    });
  } finally {
    clearTimeout(limit);
    clearTimeout(silence);
    await closeQuietly(channel);
  }
}
