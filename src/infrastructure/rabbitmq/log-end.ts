import type { ChannelModel, ConsumeMessage } from 'amqplib';

import { closeQuietly } from './channel-keeper';

/** Larger than a chunk of a stream, so that the last one comes without acks. */
const CREDIT = 8000;
/** ms without another delivery after which the log's last chunk counts as read. */
const QUIET = 300;
/** ms for the whole look: under load there is no quiet. */
const LOOK = 2000;

/** The offset of a stream's delivery. */
export function offsetOf(delivery: ConsumeMessage): number | undefined {
  const offset: unknown = delivery.properties.headers?.['x-stream-offset'];
  return typeof offset === 'number' ? offset : undefined;
}

/** The first entry of a stream's last chunk; undefined when none came in time. */
export async function lastChunk(
  connection: ChannelModel | undefined,
  stream: string,
): Promise<ConsumeMessage | undefined> {
  const channel = await connection?.createChannel();
  if (channel === undefined) return undefined;
  channel.on('error', () => undefined);
  let limit: NodeJS.Timeout | undefined;
  try {
    await channel.prefetch(1);
    return await new Promise<ConsumeMessage | undefined>((resolve, reject) => {
      limit = setTimeout(() => {
        resolve(undefined);
      }, LOOK);
      const onDelivery = (delivery: ConsumeMessage | null): void => {
        resolve(delivery ?? undefined);
      };
      channel
        .consume(stream, onDelivery, { arguments: { 'x-stream-offset': 'last' } })
        .catch(reject);
    });
  } finally {
    clearTimeout(limit);
    void closeQuietly(channel);
  }
}

/** Whether a stream's end is at or behind `offset`; undefined when it is empty or there is no connection. */
export async function reachesOffset(
  connection: ChannelModel | undefined,
  stream: string,
  offset: number,
): Promise<boolean | undefined> {
  const channel = await connection?.createChannel();
  if (channel === undefined) return undefined;
  channel.on('error', () => undefined);
  let limit: NodeJS.Timeout | undefined;
  let quiet: NodeJS.Timeout | undefined;
  try {
    await channel.prefetch(CREDIT);
    return await new Promise<boolean | undefined>((resolve, reject) => {
      let reaches: boolean | undefined;
      const finish = (): void => {
        resolve(reaches);
      };
      const onDelivery = (delivery: ConsumeMessage | null): void => {
        const found = delivery === null ? undefined : offsetOf(delivery);
        if (found === undefined) return;
        reaches = found >= offset;
        if (reaches) finish();
        clearTimeout(quiet);
        quiet = setTimeout(finish, QUIET);
      };
      limit = setTimeout(finish, LOOK);
      channel
        .consume(stream, onDelivery, { arguments: { 'x-stream-offset': 'last' } })
        .catch(reject);
    });
  } finally {
    clearTimeout(limit);
    clearTimeout(quiet);
    await closeQuietly(channel);
  }
}
