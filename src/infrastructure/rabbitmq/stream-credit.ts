import type { ConfirmChannel, ConsumeMessage } from 'amqplib';

/**
 * An ack returns credit: one per ACK_EVERY deliveries, or at most ACK_AFTER ms after the first unacked one. Fewer are
 * never urgent, since the prefetch is far larger.
 */
const ACK_EVERY = 500;
const ACK_AFTER = 25;

/** Acknowledges a stream's deliveries, which is its flow control: cumulatively, on the channel that they came by. */
export class StreamCredit {
  private newest: ConsumeMessage | undefined;
  private unacked = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly channel: ConfirmChannel) {}

  taken(delivery: ConsumeMessage): void {
    this.newest = delivery;
    this.unacked += 1;
    if (this.unacked >= ACK_EVERY) this.ack();
    else if (this.timer === undefined) {
      this.timer = setTimeout(() => {
        this.timer = undefined;
        this.ack();
      }, ACK_AFTER);
    }
  }

  private ack(): void {
    if (this.unacked === 0 || this.newest === undefined) return;
    this.unacked = 0;
    try {
      this.channel.ack(this.newest, true);
    } catch {
      // The channel is gone, and its credit with it.
    }
  }
}
