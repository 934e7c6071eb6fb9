import { Logger } from '@nestjs/common';
import type { ChannelModel, ConfirmChannel } from 'amqplib';

import type { BrokerLink, LinkUser } from './broker-link';

/** ms before a channel that was closed is opened again; doubled up to the last one, with jitter. */
const FIRST_DELAY = 100;
const LAST_DELAY = 2000;

/**
 * Keeps one channel open: on every new connection, and again when the broker closes the channel alone, which
 * connection managers do not notice. `setup` runs on each new channel before anybody gets it.
 */
export class ChannelKeeper implements LinkUser {
  private readonly logger: Logger;
  private open: ConfirmChannel | undefined;
  private opening = false;
  private stopped = false;
  private delay = FIRST_DELAY;
  private timer: NodeJS.Timeout | undefined;
  private started: { resolve: () => void; reject: (error: unknown) => void } | undefined;

  constructor(
    private readonly link: BrokerLink,
    name: string,
    private readonly setup: (channel: ConfirmChannel) => Promise<void>,
    private readonly lost: () => void = () => undefined,
  ) {
    this.logger = new Logger(`Channel ${name}`);
  }

  /** The channel while it is usable. */
  get channel(): ConfirmChannel | undefined {
    return this.open;
  }

  /** Opens the channel; resolves after its first setup, rejects with the broker's reason when that fails. */
  start(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.started = { resolve, reject };
      this.link.use(this);
    });
  }

  connected(connection: ChannelModel): void {
    this.delay = FIRST_DELAY;
    this.attempt(connection);
  }

  disconnected(): void {
    this.drop(this.open);
  }

  /** Opens the channel anew. */
  restart(): void {
    const channel = this.open;
    this.drop(channel);
    if (channel !== undefined) void closeQuietly(channel);
    this.retry();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    this.link.release(this);
    const channel = this.open;
    this.drop(channel);
    if (channel !== undefined) await closeQuietly(channel);
  }

  private attempt(connection: ChannelModel): void {
    if (this.opening || this.stopped || this.open !== undefined) return;
    this.opening = true;
    this.make(connection)
      .then(
        () => {
          this.delay = FIRST_DELAY;
          this.started?.resolve();
          this.started = undefined;
        },
        (error: unknown) => {
          this.failed(error);
        },
      )
      .finally(() => {
        this.opening = false;
        // The connection may have changed, or the channel gone, while it was set up.
        if (this.open === undefined) this.retry();
      });
  }

  private async make(connection: ChannelModel): Promise<void> {
    const channel = await connection.createConfirmChannel();
    const state = { closed: false };
    channel.on('error', (error: Error) => {
      this.logger.warn(`closed by the broker: ${error.message}`);
    });
    channel.on('close', () => {
      state.closed = true;
      if (this.open !== channel) return;
      this.drop(channel);
      this.retry();
    });
    try {
      await this.setup(channel);
      if (state.closed) throw new Error('the channel was closed during its setup');
    } catch (error) {
      await closeQuietly(channel);
      throw error;
    }
    if (this.stopped) await closeQuietly(channel);
    else this.open = channel;
  }

  private failed(error: unknown): void {
    const text = error instanceof Error ? error.message : String(error);
    this.logger.warn(`not opened: ${text}`);
    this.started?.reject(error);
    this.started = undefined;
  }

  private drop(channel: ConfirmChannel | undefined): void {
    if (channel === undefined || this.open !== channel) return;
    this.open = undefined;
    this.lost();
  }

  private retry(): void {
    if (this.stopped) return;
    clearTimeout(this.timer);
    const wait = this.delay * (0.5 + Math.random());
    this.delay = Math.min(this.delay * 2, LAST_DELAY);
    this.timer = setTimeout(() => {
      const { connection } = this.link;
      if (connection !== undefined) this.attempt(connection);
    }, wait);
  }
}

/** Closes a channel that may be closed already, which amqplib answers by throwing at once. */
export async function closeQuietly(channel: { close(): Promise<void> }): Promise<void> {
  try {
    await channel.close();
  } catch {
    // Closed is what it was to be.
  }
}
