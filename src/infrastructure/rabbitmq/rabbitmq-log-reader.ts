import { Logger } from '@nestjs/common';
import type { ConfirmChannel, ConsumeMessage } from 'amqplib';

import { type LogListener, LogReader } from '../../application/ports/message-log';
import type { BrokerLink } from './broker-link';
import { ChannelKeeper, closeQuietly } from './channel-keeper';
import { identityOf, type LogCodec } from './log-codec';
import type { RabbitMqSettings } from './rabbitmq-settings';
import { declareLog, type Names } from './topology';

/** Credit of the stream consumer; with fewer a reader falls behind at saturation (measured, see docs/adr). */
const PREFETCH = 8000;
/** An ack returns credit: one for so many deliveries, or after so many ms. */
const ACK_EVERY = 500;
const ACK_AFTER = 2;
/** ms that the entry read last may take to come again before the log's end is looked at. */
const SILENCE = 2000;
/** ms without another delivery after which the log's last chunk counts as read. */
const QUIET = 300;

/** Reads the stream: in order, each offset once, over restarts of the broker and of the stream itself. */
export class RabbitMqLogReader extends LogReader {
  private readonly logger = new Logger(RabbitMqLogReader.name);
  private readonly keeper: ChannelKeeper;
  private listener: LogListener | undefined;
  /** Where to start while nothing was read. */
  private from = 'first';
  private applied = -1;
  private last: ConsumeMessage | undefined;
  /** True until the entry read last has come again on a new channel and proved to be the same. */
  private verifying = false;
  private unacked = 0;
  private newest: ConsumeMessage | undefined;
  private ackTimer: NodeJS.Timeout | undefined;
  private silence: NodeJS.Timeout | undefined;

  constructor(
    private readonly link: BrokerLink,
    private readonly codec: LogCodec,
    private readonly names: Names,
    private readonly settings: RabbitMqSettings,
  ) {
    super();
    this.keeper = new ChannelKeeper(link, 'log reader', (channel) => this.subscribe(channel));
  }

  override async start(maxAge: number, listener: LogListener): Promise<void> {
    this.listener = listener;
    this.from = `${String(Math.ceil(maxAge / 1000))}s`;
    try {
      await this.keeper.start();
    } catch (error) {
      // A stream that has just come up has no replica for a moment; the keeper goes on trying.
      if (!(error instanceof Error && error.message.includes('replica'))) throw error;
    }
  }

  override restart(): void {
    this.keeper.restart();
  }

  override async stop(): Promise<void> {
    this.listener = undefined;
    clearTimeout(this.silence);
    clearTimeout(this.ackTimer);
    await this.keeper.stop();
  }

  private async subscribe(channel: ConfirmChannel): Promise<void> {
    await declareLog(channel, this.names, this.settings);
    await channel.prefetch(PREFETCH);
    this.unacked = 0;
    this.verifying = this.applied >= 0;
    // At the entry read last, not behind it: what comes first proves that the log is still the same one.
    const offset = this.applied >= 0 ? this.applied : this.from;
    await channel.consume(
      this.names.log,
      (delivery) => {
        if (delivery === null) this.cancelled(channel);
        else this.delivered(channel, delivery);
      },
      { noAck: false, arguments: { 'x-stream-offset': offset } },
    );
    if (this.verifying) this.expectSoon();
  }

  private cancelled(channel: ConfirmChannel): void {
    this.logger.warn('the broker has cancelled the reader');
    if (this.keeper.channel === channel) this.keeper.restart();
    else void closeQuietly(channel);
  }

  private delivered(channel: ConfirmChannel, delivery: ConsumeMessage): void {
    const offset: unknown = delivery.properties.headers?.['x-stream-offset'];
    if (typeof offset !== 'number' || this.listener === undefined) return;
    this.acknowledge(channel, delivery);
    if (this.verifying && !this.isSameLog(offset, delivery)) {
      this.begin();
      return;
    }
    if (offset <= this.applied) return;
    this.applied = offset;
    this.last = delivery;
    try {
      this.listener.entry(this.codec.decode(delivery, offset));
    } catch (error) {
      this.logger.error(error);
    }
  }

  /** A greater offset means that retention has passed; the listener sees the jump. */
  private isSameLog(offset: number, delivery: ConsumeMessage): boolean {
    if (offset < this.applied) return true;
    this.verifying = false;
    clearTimeout(this.silence);
    return (
      offset > this.applied ||
      (this.last !== undefined && identityOf(delivery) === identityOf(this.last))
    );
  }

  /** The log is another one: everything anew. */
  private begin(): void {
    this.applied = -1;
    this.last = undefined;
    this.verifying = false;
    this.from = 'first';
    clearTimeout(this.silence);
    this.listener?.reset();
    this.keeper.restart();
  }

  private acknowledge(channel: ConfirmChannel, delivery: ConsumeMessage): void {
    this.unacked += 1;
    if (this.unacked >= ACK_EVERY) {
      this.unacked = 0;
      channel.ack(delivery, true);
    } else if (this.unacked === 1 && this.ackTimer === undefined) {
      this.ackTimer = setTimeout(() => {
        this.ackTimer = undefined;
        this.ackRest(channel);
      }, ACK_AFTER);
    }
    this.newest = delivery;
  }

  private ackRest(channel: ConfirmChannel): void {
    if (this.unacked === 0 || this.newest === undefined) return;
    this.unacked = 0;
    // Deliveries of a channel that is gone need no ack.
    if (this.keeper.channel === channel) channel.ack(this.newest, true);
  }

  /** RabbitMQ filters by offset, so a log made anew and still shorter than before would stay silent for ever. */
  private expectSoon(): void {
    clearTimeout(this.silence);
    this.silence = setTimeout(() => {
      if (!this.verifying) return;
      this.lookAtEnd().then(
        (end) => {
          if (!this.verifying) return;
          if (end !== undefined && end < this.applied) this.begin();
          else this.expectSoon();
        },
        () => {
          if (this.verifying) this.expectSoon();
        },
      );
    }, SILENCE);
  }

  /** The last offset of the log; undefined when it is empty. */
  private async lookAtEnd(): Promise<number | undefined> {
    const channel = await this.link.connection?.createChannel();
    if (channel === undefined) return undefined;
    channel.on('error', () => undefined);
    let end: number | undefined;
    let quiet: NodeJS.Timeout | undefined;
    await channel.prefetch(PREFETCH);
    await new Promise<void>((resolve, reject) => {
      const wait = (): void => {
        clearTimeout(quiet);
        quiet = setTimeout(resolve, QUIET);
      };
      wait();
      channel
        .consume(
          this.names.log,
          (delivery) => {
            const offset: unknown = delivery?.properties.headers?.['x-stream-offset'];
            if (typeof offset === 'number') end = offset;
            wait();
          },
          { arguments: { 'x-stream-offset': 'last' } },
        )
        .catch(reject);
    });
    await closeQuietly(channel);
    return end;
  }
}
