import { createHash } from 'node:crypto';

import { Logger } from '@nestjs/common';

import { Refusal } from '../../domain/errors';
import type { Cursor } from '../../domain/log/cursor';
import { keyOf, Message, NODE_SENDER } from '../../domain/message/message';
import type { Partitions } from '../../domain/routing/partitions';
import type { DeliveredBody } from '../../protocol/unified-body';
import type { Subscriber } from '../delivery/subscriber';
import type { LogFollower } from '../log/log-follower';
import { messageEntry } from '../message-json';
import type { FrameEncoder } from '../ports/client-channel';
import type { Clock } from '../ports/clock';
import type { LogWriter } from '../ports/message-log';
import type { Metrics } from '../ports/metrics';
import type { UpstreamPublisher } from '../ports/upstream';
import type { Acknowledgements, Wish } from './acknowledgements';

/** Receipts that are given in one turn of the event loop. */
const TURN = 32;
/** Receipts on their way to the broker at a time. */
const MAX_PENDING = 1000;
/** Connections whose acknowledgements wait. */
const MAX_WAITING = 10_000;
/** ms that what is on its way may hold up a stop. */
const LEAVE = 1000;

/** A receipt on its way. */
interface Pending {
  /** To its sender by way of the log, where it is also the record of the receipt; several where that has partitions. */
  readonly entries: readonly Message[];
  /** To a backend; undefined when a client has sent the message, and when this is done. */
  upstream: Message | undefined;
  flight: Promise<void> | undefined;
}

/**
 * Tells the senders who asked for it that a client has acknowledged their message. A receipt is a message of the log: the
 * first one counts, every node knows of it, and it reaches a client that is away when that comes back. It carries an id
 * that follows from the message's own, so that it may be given several times: by two pages of a user, or after a crash.
 */
export class Receipts {
  private readonly logger = new Logger(Receipts.name);
  private readonly waiting = new Set<Acknowledgements>();
  private readonly pending = new Map<string, Pending>();
  private scheduled = false;

  constructor(
    private readonly follower: LogFollower,
    private readonly encoder: FrameEncoder,
    private readonly log: LogWriter,
    private readonly upstream: UpstreamPublisher,
    private readonly partitions: Partitions,
    private readonly clock: Clock,
    private readonly metrics: Metrics,
  ) {}

  /** The client has acknowledged everything that it was sent up to a position. */
  acknowledge(subscriber: Subscriber, upTo: Cursor): void {
    const { window } = this.follower;
    // Most services ask for none. A position of another log says nothing of this one.
    if (!window.hasWishes || window.gapAt(upTo) !== undefined) return;
    const acknowledgements = subscriber.acknowledgements();
    acknowledgements.upTo = Math.max(acknowledgements.upTo, upTo.offset);
    acknowledgements.sentSince = subscriber.live ? subscriber.liveSince : this.clock.now();
    this.enqueue(acknowledgements);
  }

  /**
   * A client whose session began at a position has come back and has handled everything up to another: it may not have been
   * able to say so on the connection before.
   */
  resume(subscriber: Subscriber, began: Cursor, upTo: Cursor): void {
    if (!this.follower.window.hasWishes || began.offset >= upTo.offset) return;
    subscriber.acknowledgements(began.offset);
    this.acknowledge(subscriber, upTo);
  }

  /** When the message was acknowledged, and by whom; undefined while it is not, as far as this node has read. */
  of(id: string, sender: string | undefined): DeliveredBody | undefined {
    const held = this.follower.window.find(receiptId(id, sender), NODE_SENDER);
    return held && this.read(held.frame);
  }

  /** Publishes again what the broker did not take; called once a second. */
  beat(): void {
    for (const [id, receipt] of this.pending)
      if (receipt.flight === undefined) this.send(id, receipt);
  }

  /** Resolves when what is on its way has arrived, a second later at most. */
  async stop(): Promise<void> {
    const flights = [...this.pending.values()].flatMap(({ flight }) => flight ?? []);
    let timer: NodeJS.Timeout | undefined;
    const limit = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, LEAVE);
    });
    await Promise.race([Promise.all(flights), limit]);
    clearTimeout(timer);
  }

  private enqueue(acknowledgements: Acknowledgements): void {
    this.waiting.add(acknowledgements);
    if (this.waiting.size > MAX_WAITING) this.dropOldest();
    this.schedule();
  }

  /** Those of a client that comes back with its cursor are given then. */
  private dropOldest(): void {
    for (const oldest of this.waiting) {
      this.waiting.delete(oldest);
      this.metrics.count('receiptsDeferred');
      return;
    }
  }

  private schedule(): void {
    if (this.scheduled || this.waiting.size === 0 || this.pending.size >= MAX_PENDING) return;
    this.scheduled = true;
    setImmediate(() => {
      this.scheduled = false;
      this.work();
      this.schedule();
    });
  }

  private work(): void {
    let left = TURN;
    for (const acknowledgements of this.waiting) {
      for (;;) {
        if (left-- <= 0 || this.pending.size >= MAX_PENDING) return;
        const wish = acknowledgements.next(this.follower);
        if (wish === undefined) break;
        this.give(wish, acknowledgements.sentSince);
      }
      this.waiting.delete(acknowledgements);
    }
  }

  private give({ offset, as }: Wish, sentSince: number): void {
    const { window } = this.follower;
    const held = window.at(offset);
    if (held === undefined || (held.expiresAt !== 0 && held.expiresAt < sentSince)) return;
    const body = this.read(held.frame);
    const id = receiptId(body.messageId, held.sender);
    if (this.pending.has(id) || window.has(id, NODE_SENDER)) return;
    const { toSender, toBackend } = Message.receipt(body, as, id, this.clock.now());
    const isElsewhere = !this.partitions.concerns(toSender.audience);
    const receipt: Pending = {
      // The record stays where the message is.
      entries: isElsewhere ? [toSender, toSender.toNobody()] : [toSender],
      upstream: held.sender === undefined || held.sender === NODE_SENDER ? toBackend : undefined,
      flight: undefined,
    };
    this.pending.set(id, receipt);
    this.send(id, receipt);
  }

  private send(id: string, receipt: Pending): void {
    receipt.flight = this.publish(receipt)
      .then(
        () => {
          this.pending.delete(id);
          this.metrics.count('receiptsGiven');
        },
        (error: unknown) => {
          if (error instanceof Refusal && error.retryable) return;
          this.logger.error(error);
          this.pending.delete(id);
        },
      )
      .finally(() => {
        receipt.flight = undefined;
        this.schedule();
      });
  }

  /** The record comes last: without it the receipt is given once more when the client acknowledges again. */
  private async publish(receipt: Pending): Promise<void> {
    if (receipt.upstream !== undefined) {
      // Nobody need ask for it.
      await this.upstream.publish(receipt.upstream);
      receipt.upstream = undefined;
    }
    for (const entry of receipt.entries) await this.log.append(messageEntry(entry, Infinity));
  }

  private read(frame: Uint8Array): DeliveredBody {
    return JSON.parse(this.encoder.text(frame)) as DeliveredBody;
  }
}

/** Follows from what names the message; no reply has such an id. */
function receiptId(id: string, sender: string | undefined): string {
  return `${createHash('sha256').update(keyOf(id, sender)).digest('base64url')}.ack`;
}
