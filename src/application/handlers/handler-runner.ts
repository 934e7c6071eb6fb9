import { createHash } from 'node:crypto';

import { Logger } from '@nestjs/common';

import { Refusal } from '../../domain/errors';
import { Message, NODE, NODE_SENDER, SERVICE } from '../../domain/message/message';
import {
  DONE,
  HandlerTimeout,
  type Outcome,
  RedeliveryPolicy,
} from '../../domain/routing/redelivery-policy';
import { checkIsPush, checkReceipt } from '../../domain/routing/routing-policy';
import type { LogClaims } from '../log/log-claims';
import type { LogFollower } from '../log/log-follower';
import { messageEntry } from '../message-json';
import type { Clock } from '../ports/clock';
import type { LogWriter } from '../ports/message-log';
import type { Metrics } from '../ports/metrics';
import type { HandlerQueues, UpstreamDelivery } from '../ports/upstream';
import type { HandlerResult, Outgoing } from './business-handler';
import type { HandlerRegistry, RegisteredHandler } from './handler-registry';

export interface HandlerSettings {
  /** ms before the second, third … attempt; the last one repeats. */
  readonly retryDelays: readonly number[];
  /** Largest body of a reply, in bytes. */
  readonly maxBytes: number;
}

/** Runs the registered handlers on what their queues deliver and decides what becomes of each message. */
export class HandlerRunner {
  private readonly logger = new Logger(HandlerRunner.name);

  constructor(
    private readonly registry: HandlerRegistry,
    private readonly queues: HandlerQueues,
    private readonly log: LogWriter,
    private readonly follower: LogFollower,
    private readonly claims: LogClaims,
    private readonly clock: Clock,
    private readonly metrics: Metrics,
    private readonly settings: HandlerSettings,
  ) {}

  /** Starts consuming; rejects when a queue cannot be declared. */
  async start(): Promise<void> {
    for (const registered of this.registry.all) {
      const policy = new RedeliveryPolicy(registered.attempts, this.settings.retryDelays);
      await this.queues.consume(registered, (delivery) =>
        this.deliver(registered, policy, delivery),
      );
    }
  }

  private async deliver(
    registered: RegisteredHandler,
    policy: RedeliveryPolicy,
    delivery: UpstreamDelivery,
  ): Promise<Outcome> {
    try {
      if (await this.isRepeated(delivery)) {
        this.metrics.count('handlerRepeated');
        return DONE;
      }
      await this.attempt(registered, delivery);
      await this.remember(delivery);
      this.metrics.count('handlerDone');
      return DONE;
    } catch (error) {
      const outcome = policy.failed(delivery, error);
      this.report(registered, delivery, outcome);
      return outcome;
    }
  }

  /** A copy that the client sent again belongs to the publish that claimed its id first; that one is in a queue too. */
  private async isRepeated(delivery: UpstreamDelivery): Promise<boolean> {
    const { message, publishId } = delivery;
    const base = replyBase(delivery);
    // After a crash between the last confirmed reply and the ack, all replies are in the log already.
    if (base !== undefined && this.follower.window.has(replyId(base, 0), NODE_SENDER)) return true;
    if (!message.repeatable) return false;
    if (publishId === undefined) return this.claims.isTaken(claimKey(message), '');
    return !(await this.claims.claim(claimKey(message), publishId));
  }

  /** What another program published has no publish id: its messageId is claimed when the work is done. */
  private async remember({ message, publishId }: UpstreamDelivery): Promise<void> {
    if (message.repeatable && publishId === undefined) {
      await this.claims.claim(claimKey(message), this.clock.newId());
    }
  }

  private async attempt(registered: RegisteredHandler, delivery: UpstreamDelivery): Promise<void> {
    const { message, attempt } = delivery;
    this.registry.checkSender(message.body, message.origin);
    const abort = new AbortController();
    const work = registered.handler.handle(message, { attempt, signal: abort.signal });
    const result = await withDeadline(work, registered.timeout, abort);
    const base = replyBase(delivery) ?? this.clock.newId();
    const outgoing = listOf(result);
    const entries = outgoing.map((one, i) => {
      const reply = this.compose(one, message, replyId(base, outgoing.length - 1 - i));
      return messageEntry(reply, this.settings.maxBytes);
    });
    // The last one says that the work is done, so it is logged when all others are.
    const last = entries.pop();
    await Promise.all(entries.map((entry) => this.log.append(entry)));
    if (last !== undefined) await this.log.append(last);
  }

  private compose(outgoing: Outgoing, request: Message, id: string): Message {
    if ('push' in outgoing) {
      const push = { messageId: id, ...outgoing.push };
      const message = Message.compose(push, push.messageId === id ? NODE : SERVICE, this.clock);
      checkIsPush(message);
      checkReceipt(message);
      return message;
    }
    const { fromUniqueId, fromClientType } = request.body;
    if (fromUniqueId === undefined)
      throw new Refusal('BAD_FIELD', 'a message without fromUniqueId has nobody to reply to');
    const body = {
      sendType: 'UNICAST',
      messageType: 'SERVER_TO_CLIENT',
      businessType: outgoing.businessType ?? request.body.businessType,
      toUniqueId: fromUniqueId,
      toClientType: fromClientType,
      content: outgoing.reply,
      messageId: id,
      correlationId: request.id,
    };
    return Message.compose(body, NODE, this.clock);
  }

  private report(
    registered: RegisteredHandler,
    delivery: UpstreamDelivery,
    outcome: Outcome,
  ): void {
    if (outcome.kind === 'done') return;
    this.metrics.count(outcome.kind === 'retry' ? 'handlerRetried' : 'handlerRejected');
    const what = `${registered.businessType} message ${delivery.message.id} attempt ${String(delivery.attempt)}`;
    const fate = outcome.kind === 'retry' ? `again in ${String(outcome.delay)} ms` : 'dead letter';
    this.logger.warn(`${what}: ${outcome.reason}; ${fate}`);
  }
}

function claimKey(message: Message): string {
  return `u ${message.key}`;
}

/** The same over redeliveries, so that a reply published twice is delivered once. Undefined when nothing stays the same. */
function replyBase({ message, publishId }: UpstreamDelivery): string | undefined {
  if (publishId !== undefined || !message.repeatable) return publishId;
  return createHash('sha256').update(message.key).digest('base64url');
}

/** `left` is how many replies come after it. */
function replyId(base: string, left: number): string {
  return `${base}.r${String(left)}`;
}

function listOf(result: HandlerResult): readonly Outgoing[] {
  if (!result) return [];
  return Array.isArray(result) ? (result as readonly Outgoing[]) : [result as Outgoing];
}

async function withDeadline<T>(work: Promise<T>, ms: number, abort: AbortController): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const timeout = new HandlerTimeout(`no result within ${String(ms)} ms`);
      abort.abort(timeout);
      reject(timeout);
    }, ms);
  });
  try {
    return await Promise.race([work, deadline]);
  } finally {
    clearTimeout(timer);
  }
}
