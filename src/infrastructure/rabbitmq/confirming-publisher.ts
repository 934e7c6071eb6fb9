import { Logger } from '@nestjs/common';
import type {
  Channel,
  ChannelModel,
  ConfirmChannel,
  Message as AmqpMessage,
  Options,
} from 'amqplib';

import type { Routing } from '../../application/ports/upstream';
import { Refusal } from '../../domain/errors';
import type { BrokerLink } from './broker-link';
import { ChannelKeeper, closeQuietly } from './channel-keeper';

/** Publishes that may wait for their confirm at a time, by number and by bytes. */
const MAX_PENDING = 20_000;
const MAX_PENDING_BYTES = 64 * 1024 * 1024;
/** ms without a confirm, while publishes run out of time, after which the server counts as cut off from its cluster. */
const CUT_OFF = 8000;
/** ms from a return to the declaration of what is missing: one for all that are returned meanwhile, and no hot loop. */
const DECLARE_AFTER = 500;
/** ms between two looks for publishes that have waited too long. */
const SWEEP = 100;

type Confirm = (error: unknown) => void;

/** Everything that a publish keeps until its confirm: some thousands are under way when the broker is busy. */
interface Pending {
  readonly exchange: string;
  readonly key: string;
  readonly messageId: string | undefined;
  readonly bytes: number;
  readonly deadline: number;
  /** Of the channel it was published on. */
  readonly generation: number;
  readonly resolve: (routing: Routing) => void;
  readonly reject: (reason: Error) => void;
  returned: boolean;
}

/** What was to be published cannot be written in AMQP, now or later. */
export class NotWritable extends Error {
  override readonly name = 'NotWritable';
}

/**
 * Publishes with confirms and `mandatory`. Nothing is buffered while the broker is away: what cannot be published
 * now is refused at once, and what was published but not confirmed has an unknown outcome. A messageId tells the
 * publishes apart when one is returned.
 */
export class ConfirmingPublisher {
  private readonly logger: Logger;
  private readonly keeper: ChannelKeeper;
  /** Those whose caller waits, in the order of publishing, which is that of the deadlines too. */
  private readonly pending = new Set<Pending>();
  /** Those whose caller has given up waiting: a return that comes late is theirs, and not that of their repetition. */
  private readonly late = new Set<Pending>();
  /** All that this channel has taken and the broker has not confirmed: it may be in memory yet, whoever gave up waiting. */
  private open = 0;
  private bytes = 0;
  private generation = 0;
  private timer: NodeJS.Timeout | undefined;
  private declaring: NodeJS.Timeout | undefined;
  private stopping = false;
  private idle: (() => void) | undefined;
  /** When the server last gave a sign that its cluster works: a channel or a confirm. */
  private answered = 0;

  /**
   * `declare` makes what it publishes to, on every new channel: what was deleted comes back. `cutOff` is called when
   * the server keeps the connection but confirms nothing any more.
   */
  constructor(
    private readonly link: BrokerLink,
    name: string,
    private readonly timeout: number,
    private readonly declare: (channel: Channel) => Promise<void>,
    private readonly cutOff: () => void = () => undefined,
  ) {
    this.logger = new Logger(`Publisher ${name}`);
    this.keeper = new ChannelKeeper(
      link,
      name,
      (channel) => {
        channel.on('return', (message: AmqpMessage) => {
          this.markReturned(message);
        });
        // Before amqplib's own listener, which calls every callback as if the broker had refused the message.
        channel.prependListener('close', () => {
          if (this.keeper.channel === channel) this.giveUp();
        });
        this.answered = performance.now();
        return declare(channel);
      },
      () => {
        this.giveUp();
      },
    );
  }

  /** True while the broker takes no publishes (memory or disk alarm); known from the first publish on. */
  get blocked(): boolean {
    return this.link.blocked;
  }

  async start(): Promise<void> {
    await this.keeper.start();
    this.timer = setInterval(() => {
      this.sweep();
    }, SWEEP);
  }

  /** Waits for the confirms under way, at most the time that a publish may take. */
  async stop(): Promise<void> {
    this.stopping = true;
    if (this.pending.size > 0) {
      await new Promise<void>((resolve) => {
        this.idle = resolve;
      });
    }
    clearInterval(this.timer);
    clearTimeout(this.declaring);
    await this.keeper.stop();
  }

  /**
   * Resolves after the broker's confirm; `unroutable` when no queue took it. Rejects with UNAVAILABLE when nothing was
   * published, with UNKNOWN_OUTCOME when the confirm did not come or was a nack, with NotWritable when AMQP has no form for
   * it. Completes `options`.
   */
  publish(
    exchange: string,
    key: string,
    content: Buffer,
    options: Options.Publish,
  ): Promise<Routing> {
    const { channel } = this.keeper;
    if (channel === undefined || this.stopping)
      return Promise.reject(new Refusal('UNAVAILABLE', 'the broker is away'));
    if (this.blocked)
      return Promise.reject(new Refusal('UNAVAILABLE', 'the broker takes no publishes now'));
    if (this.open >= MAX_PENDING || this.bytes >= MAX_PENDING_BYTES) {
      return Promise.reject(new Refusal('OVERLOAD', 'too many publishes wait for the broker'));
    }
    options.mandatory = true;
    options.persistent = true;
    return new Promise((resolve, reject) => {
      const pending: Pending = {
        exchange,
        key,
        messageId: options.messageId,
        bytes: content.length,
        deadline: performance.now() + this.timeout,
        generation: this.generation,
        resolve,
        reject,
        returned: false,
      };
      const confirm = this.confirmOf(pending);
      try {
        channel.publish(exchange, key, content, options, confirm);
      } catch (error) {
        reject(this.notPublished(error, channel, confirm));
        return;
      }
      this.pending.add(pending);
      this.open += 1;
      this.bytes += pending.bytes;
    });
  }

  /**
   * Declares anew what it publishes to, a moment later: for callers whose publish was returned because a queue or a binding
   * was deleted. The channel stays, and so does what is under way on it, also when something is declared otherwise.
   */
  declareAgain(): void {
    if (this.stopping) return;
    this.declaring ??= setTimeout(() => {
      this.declaring = undefined;
      this.logger.warn('declares anew what it publishes to: the broker could not route a message');
      this.declareQuietly();
    }, DECLARE_AFTER);
  }

  /** Declares what it publishes to, in case that something of it was deleted. */
  declareQuietly(): void {
    const { connection } = this.link;
    // A new channel declares by itself.
    if (connection === undefined || this.keeper.channel === undefined) return;
    this.declareOn(connection).catch((error: unknown) => {
      this.logger.warn(`not declared: ${String(error)}`);
    });
  }

  /** On a channel of its own, since the broker closes the one on which it finds something declared otherwise. */
  private async declareOn(connection: ChannelModel): Promise<void> {
    const channel = await connection.createChannel();
    // The declaration fails with the same reason.
    channel.on('error', () => undefined);
    try {
      await this.declare(channel);
    } finally {
      await closeQuietly(channel);
    }
  }

  /** A function of its own, so that it holds the pending publish only and not the content. */
  private confirmOf(pending: Pending): Confirm {
    return (error) => {
      this.settle(pending, error);
    };
  }

  /** Why nothing was written. */
  private notPublished(error: unknown, channel: ConfirmChannel, confirm: Confirm): Error {
    const isClosing = error instanceof Error && error.name === 'IllegalOperationError';
    if (isClosing || isCounted(channel, confirm)) this.keeper.restart();
    if (isClosing) return new Refusal('UNAVAILABLE', 'the broker is away');
    return new NotWritable(error instanceof Error ? error.message : String(error), {
      cause: error,
    });
  }

  private settle(pending: Pending, error: unknown): void {
    // amqplib settles by itself what a closed channel had open.
    if (pending.generation !== this.generation) return;
    this.answered = performance.now();
    this.open -= 1;
    this.bytes -= pending.bytes;
    if (this.late.delete(pending) || !this.remove(pending)) return;
    // Of several queues some may have taken it, and one whose leader was lost may still have it.
    if (error) pending.reject(new Refusal('UNKNOWN_OUTCOME', 'the broker refused the message'));
    else pending.resolve(pending.returned ? 'unroutable' : 'routed');
  }

  /** A return comes before the confirm of the same publish (AMQP 0-9-1, basic.return). */
  private markReturned({ fields, properties }: AmqpMessage): void {
    for (const publishes of [this.late, this.pending]) {
      for (const pending of publishes) {
        if (pending.returned || pending.messageId !== properties.messageId) continue;
        if (pending.key !== fields.routingKey || pending.exchange !== fields.exchange) continue;
        pending.returned = true;
        return;
      }
    }
  }

  private giveUp(): void {
    this.generation += 1;
    this.open = 0;
    this.bytes = 0;
    for (const pending of [...this.pending]) this.unknown(pending);
    this.late.clear();
  }

  private sweep(): void {
    const now = performance.now();
    for (const pending of this.pending) {
      if (pending.deadline > now) return;
      this.unknown(pending);
      this.late.add(pending);
      if (now - this.answered < CUT_OFF || this.blocked) continue;
      this.answered = now;
      this.cutOff();
    }
  }

  private unknown(pending: Pending): void {
    if (this.remove(pending)) pending.reject(new Refusal('UNKNOWN_OUTCOME'));
  }

  private remove(pending: Pending): boolean {
    if (!this.pending.delete(pending)) return false;
    if (this.pending.size === 0) this.idle?.();
    return true;
  }
}

/**
 * True when the channel waits for the confirm of what it has not written: amqplib 0.10 (golevelup's own, where none overrides
 * it) counts before it writes, so that all further confirms are one off.
 */
function isCounted(channel: ConfirmChannel, confirm: Confirm): boolean {
  const { unconfirmed } = channel as unknown as { readonly unconfirmed?: readonly unknown[] };
  return unconfirmed?.at(-1) === confirm;
}
