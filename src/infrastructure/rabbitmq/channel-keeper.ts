import { Logger } from '@nestjs/common';
import type { ChannelModel, ConfirmChannel } from 'amqplib';

import type { BrokerLink, LinkUser } from './broker-link';

/** ms before a channel that was closed is opened again; doubled up to the last one, with jitter. */
const FIRST_DELAY = 200;
const LAST_DELAY = 2000;
/** A channel that lived so long (ms) was sound: the next delay is the first again. */
const SOUND = 5000;
/** ms after which an attempt that the broker does not answer is given up. */
const SETUP_TIMEOUT = 15_000;
/** Attempts of `start` while the broker gives reasons that pass by themselves. */
const START_ATTEMPTS = 10;
/** ms that a broker may take to agree to a close. */
const CLOSE_TIMEOUT = 2000;

/** One try to open a channel; only the newest counts. */
interface Attempt {
  channel: ConfirmChannel | undefined;
  deadline: NodeJS.Timeout | undefined;
}

/**
 * Keeps one channel open: on every new connection, and again when the broker closes the channel alone, which
 * connection managers do not notice. `setup` runs on each new channel before anybody gets it; `lost` is called
 * when a channel that was usable is not any more.
 */
export class ChannelKeeper implements LinkUser {
  private readonly logger: Logger;
  private open: ConfirmChannel | undefined;
  private openedAt = 0;
  private attempt: Attempt | undefined;
  private stopped = false;
  private delay = FIRST_DELAY;
  private timer: NodeJS.Timeout | undefined;
  private started: { resolve: () => void; reject: (error: unknown) => void } | undefined;
  private failures = 0;

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

  /** Opens the channel; resolves after its first setup, rejects with the broker's reason when that is final. */
  start(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.started = { resolve, reject };
      this.link.use(this);
    });
  }

  connected(connection: ChannelModel): void {
    this.delay = FIRST_DELAY;
    this.tryOpen(connection);
  }

  disconnected(): void {
    this.abandon();
    this.drop();
  }

  /** Opens the channel anew; what the old one still delivers is not seen any more. */
  restart(): void {
    this.abandon();
    const channel = this.open;
    this.drop();
    if (channel !== undefined) void closeQuietly(channel);
    this.retry();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    this.link.release(this);
    this.abandon();
    const channel = this.open;
    this.drop();
    if (channel !== undefined) await closeQuietly(channel);
  }

  private tryOpen(connection: ChannelModel): void {
    if (this.stopped || this.attempt !== undefined || this.open !== undefined) return;
    clearTimeout(this.timer);
    const attempt: Attempt = { channel: undefined, deadline: undefined };
    this.attempt = attempt;
    this.limit(attempt);
    this.make(connection, attempt).then(
      (channel) => {
        this.succeeded(attempt, channel);
      },
      (error: unknown) => {
        this.failed(attempt, error);
      },
    );
  }

  private async make(connection: ChannelModel, attempt: Attempt): Promise<ConfirmChannel> {
    const channel = await connection.createConfirmChannel();
    if (this.attempt !== attempt) {
      // Given up while the broker was silent: its setup would take the place of that of the channel which came since.
      void closeQuietly(channel);
      throw new Error('given up');
    }
    attempt.channel = channel;
    const state = { closed: false };
    channel.on('error', (error: Error) => {
      this.logger.warn(`closed by the broker: ${error.message}`);
    });
    channel.on('close', () => {
      state.closed = true;
      if (this.open !== channel) return;
      this.drop();
      this.retry();
    });
    try {
      await this.setup(channel);
      if (state.closed) throw new Error('the channel was closed during its setup');
    } catch (error) {
      void closeQuietly(channel);
      throw error;
    }
    return channel;
  }

  private succeeded(attempt: Attempt, channel: ConfirmChannel): void {
    clearTimeout(attempt.deadline);
    if (this.attempt !== attempt) {
      void closeQuietly(channel);
      return;
    }
    this.attempt = undefined;
    this.open = channel;
    this.openedAt = performance.now();
    this.started?.resolve();
    this.started = undefined;
  }

  private failed(attempt: Attempt, error: unknown): void {
    clearTimeout(attempt.deadline);
    if (this.attempt !== attempt) return;
    this.attempt = undefined;
    this.failures += 1;
    this.logger.warn(`not opened: ${error instanceof Error ? error.message : String(error)}`);
    if (isFinal(error) || this.failures >= START_ATTEMPTS) {
      this.started?.reject(error);
      this.started = undefined;
    }
    this.retry();
  }

  /** Gives an attempt up that gets no answer; a broker that takes no publishes may not even read. */
  private limit(attempt: Attempt): void {
    attempt.deadline = setTimeout(() => {
      if (this.attempt !== attempt) return;
      if (this.link.blocked) this.limit(attempt);
      else {
        this.logger.warn('not opened: the broker does not answer');
        if (!this.link.move('it does not open a channel')) this.restart();
      }
    }, SETUP_TIMEOUT);
  }

  private abandon(): void {
    const { attempt } = this;
    if (attempt === undefined) return;
    this.attempt = undefined;
    clearTimeout(attempt.deadline);
    if (attempt.channel !== undefined) void closeQuietly(attempt.channel);
  }

  private drop(): void {
    if (this.open === undefined) return;
    this.open = undefined;
    if (performance.now() - this.openedAt > SOUND) this.delay = FIRST_DELAY;
    this.lost();
  }

  private retry(): void {
    if (this.stopped) return;
    clearTimeout(this.timer);
    const wait = this.delay * (0.5 + Math.random());
    this.delay = Math.min(this.delay * 2, LAST_DELAY);
    this.timer = setTimeout(() => {
      const { connection } = this.link;
      if (connection !== undefined) this.tryOpen(connection);
    }, wait);
  }
}

/** True for what the broker will say again: no permission, or declared before with other arguments. */
function isFinal(error: unknown): boolean {
  if (!(error instanceof Error) || !('code' in error)) return false;
  return error.code === 403 || (error.code === 406 && !isWithoutReplica(error));
}

/**
 * True when a stream has no replica at this server; for a moment, when the server or the stream has just come up. The code
 * is that of other errors too, and RabbitMQ 4 says "a running replica".
 */
export function isWithoutReplica(error: unknown): boolean {
  return error instanceof Error && /does not have a (?:running )?replica/.test(error.message);
}

/** Closes a channel that may be closed already; amqplib throws then, and is silent when the connection dies meanwhile. */
export async function closeQuietly(channel: {
  close(): Promise<void>;
  once(event: 'close', listener: () => void): unknown;
}): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, CLOSE_TIMEOUT);
    const done = (): void => {
      clearTimeout(timer);
      resolve();
    };
    channel.once('close', done);
    try {
      channel.close().then(done, done);
    } catch {
      done();
    }
  });
}
