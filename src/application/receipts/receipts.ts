import { createHash } from 'node:crypto';

import { Logger } from '@nestjs/common';

import { Refusal } from '../../domain/errors';
import type { Cursor } from '../../domain/log/cursor';
import type { HeldMessage } from '../../domain/log/held-message';
import { Message, NODE_SENDER } from '../../domain/message/message';
import type { Subscription } from '../../domain/routing/audience';
import type { Partitions } from '../../domain/routing/partitions';
import type { DeliveredBody } from '../../protocol/unified-body';
import type { Subscriber } from '../delivery/subscriber';
import type { LogFollower } from '../log/log-follower';
import { messageEntry } from '../message-json';
import type { Clock } from '../ports/clock';
import type { LogWriter } from '../ports/message-log';
import type { Metrics } from '../ports/metrics';
import type { UpstreamPublisher } from '../ports/upstream';
import type { Budget, Wishes } from './wishes';

/** Receipts that are given in one turn of the event loop, of small messages; and to one connection before others come. */
const TURN = 32;
const SHARE = 8;
/** Bytes of a message that cost as much as a receipt. */
const BYTES = 4096;
/** Receipts on their way to the broker at a time. */
const MAX_PENDING = 1000;
/**
 * Above this many identities with receipts to give, those of connections that close are let go; they are given when the
 * clients return.
 */
const MAX_WAITING = 10_000;
/** ms that what is on its way may hold up a stop. */
const LEAVE = 1000;

/** A receipt on its way. */
interface Pending {
  /** To its sender by way of the log, where it is also the record of the receipt; two where that has partitions. */
  readonly entries: Message[];
  /** To a backend; undefined when a client has sent the message, and when this is done. */
  upstream: Message | undefined;
  flight: Promise<void> | undefined;
}

/**
 * Tells the senders who asked for it that a client has acknowledged their message. A receipt is a message of the log: the
 * first one counts, every node knows of it, and it reaches a client that is away when that comes back. It carries an id
 * that follows from the message, so that it may be given several times: by two pages of a user, or after a crash.
 */
export class Receipts {
  private readonly logger = new Logger(Receipts.name);
  private readonly waiting = new Set<Wishes>();
  private readonly pending = new Map<string, Pending>();
  private scheduled = false;

  constructor(
    private readonly follower: LogFollower,
    private readonly log: LogWriter,
    private readonly upstream: UpstreamPublisher,
    private readonly partitions: Partitions,
    private readonly clock: Clock,
    private readonly metrics: Metrics,
  ) {
    follower.watch({
      reset: () => {
        this.waiting.clear();
      },
    });
  }

  /** The client has handled everything that it was sent up to a position. */
  acknowledge(subscriber: Subscriber, upTo: Cursor): void {
    // Most are sent nothing that asks for it. A position of another log says nothing of this one.
    if (!subscriber.hasWishes || this.follower.window.gapAt(upTo) !== undefined) return;
    const due = subscriber.acknowledge(upTo.offset, this.clock.now());
    for (const wishes of due) this.waiting.add(wishes);
    this.schedule();
  }

  /** The connection is closed. */
  leave(subscriber: Subscriber): void {
    if (this.waiting.size <= MAX_WAITING) return;
    for (const wishes of subscriber.wishes)
      if (this.waiting.delete(wishes)) this.metrics.count('receiptsDeferred');
  }

  /** What tells by whom and when a message was acknowledged; undefined while it is not, as far as this node has read. */
  of(held: HeldMessage): DeliveredBody | undefined {
    const receipt = this.follower.window.find(receiptId(held), NODE_SENDER);
    return receipt && this.follower.bodyOf(receipt);
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
    const budget = { left: TURN };
    for (const wishes of this.waiting) {
      if (budget.left <= 0 || this.pending.size >= MAX_PENDING) return;
      this.waiting.delete(wishes);
      // Goes to the end of the line.
      if (this.giveSome(wishes, budget)) this.waiting.add(wishes);
    }
  }

  /** False when no more are due. */
  private giveSome(wishes: Wishes, budget: Budget): boolean {
    const { window } = this.follower;
    for (let i = 0; i < SHARE; i += 1) {
      if (budget.left <= 0 || this.pending.size >= MAX_PENDING) return true;
      const offset = wishes.next(window, budget);
      if (offset === undefined) return false;
      const held = window.at(offset);
      budget.left -= 1;
      // It may have left the window, or have its receipt; or the log is another one.
      if (held?.wantsReceipt !== true || held.recipient !== wishes.as.uniqueId) continue;
      try {
        this.give(held, wishes.as, budget);
      } catch (error) {
        this.logger.error(error);
      }
    }
    return true;
  }

  private give(held: HeldMessage, as: Subscription, budget: Budget): void {
    const { window } = this.follower;
    const id = receiptId(held);
    if (window.has(id, NODE_SENDER)) {
      window.fulfil(held.cursor.offset);
      return;
    }
    if (this.pending.has(id)) return;
    budget.left -= held.frame.length / BYTES;
    const { toSender, toBackend } = Message.receiptFor(
      this.follower.bodyOf(held),
      as,
      id,
      this.clock.now(),
    );
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
    for (let [entry] = receipt.entries; entry !== undefined; [entry] = receipt.entries) {
      await this.log.append(messageEntry(entry, Infinity));
      receipt.entries.shift();
    }
  }
}

/** Follows from the message and its place in the log: a later one with the same id is another. No reply has such an id. */
function receiptId({ id, sender, recipient, cursor }: HeldMessage): string {
  const names = JSON.stringify([id, sender ?? null, recipient, cursor.toString()]);
  return `${createHash('sha256').update(names).digest('base64url')}.ack`;
}
