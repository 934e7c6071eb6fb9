import amqp, { type ChannelModel, type ConfirmChannel, type Message } from 'amqplib';

import type { Attempt, Operation } from './operation';

/** ms that a confirm may take before the backend calls the outcome unknown. */
const CONFIRM_WITHIN = 5000;
/** ms between two attempts to connect. */
const RECONNECT = 200;

/** A backend that publishes to the push exchange itself: persistent, mandatory, confirmed, reconnecting. */
export class AmqpSender {
  private channel: ConfirmChannel | undefined;
  private connection: ChannelModel | undefined;
  private readonly returned = new Set<string>();
  private timer: NodeJS.Timeout | undefined;
  private stopped = false;

  constructor(
    private readonly urls: readonly string[],
    private readonly exchange: string,
  ) {}

  start(): void {
    this.connect(0);
  }

  async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await this.connection?.close().catch(() => undefined);
  }

  /** Publishes once. */
  send({ op, body }: Operation): Promise<Attempt> {
    const { channel } = this;
    if (channel === undefined) return Promise.resolve({ kind: 'refused', reason: 'not connected' });
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        resolve({ kind: 'unknown', reason: 'no confirm' });
      }, CONFIRM_WITHIN);
      const settle = (error: unknown): void => {
        clearTimeout(timer);
        const wasReturned = this.returned.delete(op);
        if (error) resolve(attemptOf(error));
        else resolve(wasReturned ? { kind: 'refused', reason: 'returned' } : { kind: 'ok' });
      };
      const options = { persistent: true, mandatory: true, messageId: op };
      try {
        channel.publish(this.exchange, '', Buffer.from(JSON.stringify(body)), options, settle);
      } catch (error) {
        clearTimeout(timer);
        resolve({ kind: 'refused', reason: String(error) });
      }
    });
  }

  private connect(attempt: number): void {
    if (this.stopped) return;
    const again = (): void => {
      this.channel = undefined;
      clearTimeout(this.timer);
      if (this.stopped) return;
      this.timer = setTimeout(() => {
        this.connect(attempt + 1);
      }, RECONNECT);
    };
    this.open(this.urls[attempt % this.urls.length] ?? '', again).catch(again);
  }

  private async open(url: string, again: () => void): Promise<void> {
    const connection = await amqp.connect(`${url}?heartbeat=5`, { timeout: CONFIRM_WITHIN });
    this.connection = connection;
    connection.on('error', () => undefined);
    connection.on('close', again);
    const channel = await connection.createConfirmChannel();
    channel.on('error', () => undefined);
    channel.on('close', () => {
      this.channel = undefined;
      // A channel that the broker closed alone: the connection must not stay without one.
      connection.close().catch(() => undefined);
    });
    channel.on('return', ({ properties }: Message) => {
      this.returned.add(String(properties.messageId));
    });
    this.channel = channel;
  }
}

/** amqplib calls back with an error for a nack and for a channel that closed; only the first is certain. */
function attemptOf(error: unknown): Attempt {
  const reason = error instanceof Error ? error.message : String(error);
  return { kind: reason.includes('nack') ? 'refused' : 'unknown', reason };
}
