import { Logger } from '@nestjs/common';
import type { ChannelModel, ConfirmChannel, ConsumeMessage } from 'amqplib';

import { type LogListener, LogReader } from '../../application/ports/message-log';
import type { BrokerLink } from './broker-link';
import { ChannelKeeper, isWithoutReplica } from './channel-keeper';
import { isSameEntry, type LogCodec } from './log-codec';
import { endUpTo, type LogEnd, newestEntry, offsetOf } from './log-end';
import { StreamCredit } from './stream-credit';
import type { Stream } from './topology';

/** Credit of the stream consumer; with a few hundred a reader falls seconds behind at saturation. */
const STREAM_PREFETCH = 8000;
/** Attempts at a server without a replica of the log before another server is tried. */
const REPLICA_ATTEMPTS = 3;
/** ms that the entry read last may take to come again before the log's end is looked at. */
const SILENCE = 2000;

/**
 * Offsets that RabbitMQ itself takes at the start of each segment of a stream, for what it knows of publishers: they
 * hold no entry and never come (measured with 3.10.8).
 */
const SEGMENT_START = 1;

/** One consumer on one channel; what an older one still brings is not looked at. */
interface Subscription {
  readonly credit: StreamCredit;
  /** Whether the log was known to reach the place to read from: what is missing there then is gone for good. */
  readonly isReached: boolean;
  /** True until the first entry has shown that the log is the same, and that none before it was left out. */
  verifying: boolean;
}

/**
 * Reads the stream: in order, each offset once, over restarts of the broker and of the stream itself.
 *
 * A consumer that asks for a place which the stream does not reach yet is put at its end, and RabbitMQ leaves out what
 * is appended in that moment (seen with 3.10.8, also where the place itself is appended). So what comes first to such a
 * consumer is believed only where nothing can have been left out; else the place is asked for once more, now that the
 * stream is known to reach it.
 */
export class RabbitMqLogReader extends LogReader {
  private readonly logger = new Logger(RabbitMqLogReader.name);
  private readonly keeper: ChannelKeeper;
  private listener: LogListener | undefined;
  /** Where to start while nothing was read. */
  private from = 'first';
  private applied = -1;
  private last: ConsumeMessage | undefined;
  /** The greatest time read, ms since epoch: not that of `last`, since entries of two gateways may change places. */
  private time = -Infinity;
  private subscription: Subscription | undefined;
  private silence: NodeJS.Timeout | undefined;
  /** The connection at whose server the log is known to reach the place to read from. */
  private reachesAt: ChannelModel | undefined;
  /** How often in a row the server at this connection had no replica of the log. */
  private withoutReplica = 0;
  private withoutReplicaAt: ChannelModel | undefined;

  constructor(
    private readonly link: BrokerLink,
    private readonly codec: LogCodec,
    private readonly stream: Stream,
  ) {
    super();
    this.keeper = new ChannelKeeper(link, 'log reader', (channel) => this.subscribe(channel));
  }

  override async start(maxAge: number, listener: LogListener): Promise<void> {
    this.listener = listener;
    this.from = `${String(Math.ceil(maxAge / 1000))}s`;
    await this.keeper.start();
  }

  override async isAtEnd(): Promise<boolean> {
    const newest = await newestEntry(this.link.connection, this.stream.name);
    const end = newest === undefined ? undefined : offsetOf(newest);
    return end !== undefined && end <= this.applied;
  }

  override restart(): void {
    this.subscription = undefined;
    // A server that is cut off from its cluster keeps the connection and has nothing to say.
    if (!this.link.move('the log is silent')) this.keeper.restart();
  }

  override async stop(): Promise<void> {
    this.listener = undefined;
    this.subscription = undefined;
    clearTimeout(this.silence);
    await this.keeper.stop();
  }

  private async subscribe(channel: ConfirmChannel): Promise<void> {
    this.subscription = undefined;
    await this.stream.declare(channel);
    await channel.prefetch(STREAM_PREFETCH);
    const isReached = this.reachesAt !== undefined && this.reachesAt === this.link.connection;
    this.reachesAt = undefined;
    const subscription = { credit: new StreamCredit(channel), isReached, verifying: true };
    this.subscription = subscription;
    // At the entry read last, not behind it: what comes first proves that the log is still the same one.
    const offset = this.last === undefined ? this.from : this.applied;
    const onDelivery = (delivery: ConsumeMessage | null): void => {
      if (this.subscription !== subscription) return;
      if (delivery === null) this.cancelled();
      else this.delivered(subscription, delivery);
    };
    try {
      const args = { 'x-stream-offset': offset };
      await channel.consume(this.stream.name, onDelivery, { noAck: false, arguments: args });
    } catch (error) {
      this.seekReplica(error);
      throw error;
    }
    this.withoutReplica = 0;
    this.expectSoon(subscription);
  }

  /** A server that has just come up has its replica in a moment; one that never gets any is of no use to a reader. */
  private seekReplica(error: unknown): void {
    if (!isWithoutReplica(error)) return;
    const { connection } = this.link;
    if (this.withoutReplicaAt !== connection) this.withoutReplica = 0;
    this.withoutReplicaAt = connection;
    this.withoutReplica += 1;
    if (this.withoutReplica < REPLICA_ATTEMPTS) return;
    this.withoutReplica = 0;
    this.link.move('it has no replica of the log');
  }

  private cancelled(): void {
    this.logger.warn('the broker has cancelled the reader');
    this.subscribeAnew();
  }

  private delivered(subscription: Subscription, delivery: ConsumeMessage): void {
    const offset = offsetOf(delivery);
    if (offset === undefined) return;
    subscription.credit.taken(delivery);
    if (subscription.verifying && !this.verify(subscription, offset, delivery)) return;
    if (offset <= this.applied) return;
    const isLost = this.last !== undefined && offset > this.applied + 1 + SEGMENT_START;
    if (isLost) this.lose(offset);
    this.applied = offset;
    this.last = delivery;
    this.tell((listener) => {
      const entries = this.codec.decode(delivery, offset);
      // What others wrote has the time of the gateways' entries before it.
      this.time = Math.max(this.time, entries[0]?.time ?? -Infinity);
      for (const entry of entries) listener.entry(entry);
    });
  }

  /** False when the log is another one, or must be asked once more. */
  private verify(subscription: Subscription, offset: number, delivery: ConsumeMessage): boolean {
    if (offset < this.applied) return true;
    if (offset > this.applied && offset > 0 && !subscription.isReached) {
      this.askOnceMore();
      return false;
    }
    subscription.verifying = false;
    if (this.last === undefined) return true;
    if (offset > this.applied) {
      // Retention has passed the entry read last.
      if (offset > this.applied + 1) this.lose(offset);
      return true;
    }
    if (isSameEntry(this.last, delivery)) return true;
    this.begin();
    return false;
  }

  /** Subscribes to a log that has just shown to reach the place to read from. */
  private askOnceMore(): void {
    this.reachesAt = this.link.connection;
    this.subscribeAnew();
  }

  /** Tells that what was before `offset` cannot be read any more. */
  private lose(offset: number): void {
    this.applied = offset - 1;
    this.tell((listener) => {
      listener.lost(offset - 1);
    });
  }

  /** The log is another one: everything anew. */
  private begin(): void {
    this.applied = -1;
    this.last = undefined;
    this.time = -Infinity;
    this.from = 'first';
    this.tell((listener) => {
      listener.reset();
    });
    this.subscribeAnew();
  }

  private subscribeAnew(): void {
    this.subscription = undefined;
    this.keeper.restart();
  }

  private tell(what: (listener: LogListener) => void): void {
    if (this.listener === undefined) return;
    try {
      what(this.listener);
    } catch (error) {
      this.logger.error(error);
    }
  }

  /**
   * RabbitMQ filters by offset, so a log made anew and still shorter than before would stay silent for ever. One that
   * reaches the entry read last and is silent has left it out. One that shows nothing younger than what was read is
   * taken for the same log on a replica that is behind, and looked at again.
   */
  private expectSoon(subscription: Subscription): void {
    clearTimeout(this.silence);
    if (!this.isWaiting(subscription)) return;
    this.silence = setTimeout(() => {
      if (!this.isWaiting(subscription)) return;
      const timeOf = (delivery: ConsumeMessage): number | undefined => this.codec.timeOf(delivery);
      endUpTo(this.link.connection, this.stream.name, this.applied, timeOf).then(
        (end) => {
          if (!this.isWaiting(subscription)) return;
          if (end !== undefined && end.offset >= this.applied) this.askOnceMore();
          else if (this.isYounger(end)) this.begin();
          else this.expectSoon(subscription);
        },
        () => {
          this.expectSoon(subscription);
        },
      );
    }, SILENCE);
  }

  /**
   * True for the end of another log: all that this one holds up to the entry read last was logged before. What gateways
   * wrote tells it, and they write something every few seconds; entries of others say nothing.
   */
  private isYounger(end: LogEnd | undefined): boolean {
    return end?.time !== undefined && end.time > this.time;
  }

  private isWaiting(subscription: Subscription): boolean {
    return this.subscription === subscription && subscription.verifying && this.last !== undefined;
  }
}
