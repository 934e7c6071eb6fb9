import { createHash } from 'node:crypto';

import { Logger } from '@nestjs/common';

import { Refusal, RetryableError } from '../../domain/errors';
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
import type { Outgoing } from './business-handler';
import type { HandlerRegistry, RegisteredHandler } from './handler-registry';
import { checkDepth, outgoingOf } from './handler-result';

export interface HandlerSettings {
  /** ms before the second, third … attempt; the last one repeats. */
  readonly retryDelays: readonly number[];
  /** Largest body of a reply, in bytes. */
  readonly maxBytes: number;
}

/** Runs the registered handlers on what their queues deliver and decides what becomes of each message. */
export class HandlerRunner {
  private readonly logger = new Logger(HandlerRunner.name);
  private readonly atWork = new Set<AbortController>();
  private abandoned = false;

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

  /** Tells the handlers at work that nobody waits for them any more: another node gets their messages. */
  abandon(): void {
    this.abandoned = true;
    for (const abort of this.atWork) abort.abort(new Error('the node stops'));
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
      this.report(registered, delivery, outcome, error);
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
    const result = await this.run(registered, message, attempt);
    const base = replyBase(delivery) ?? this.clock.newId();
    const outgoing = outgoingOf(result);
    const entries = outgoing.map((one, i) => {
      const reply = this.compose(one, message, replyId(base, outgoing.length - 1 - i));
      const entry = messageEntry(reply, this.settings.maxBytes);
      checkDepth(entry.body);
      return entry;
    });
    // The last one says that the work is done, so it is logged when all others are.
    const last = entries.pop();
    await Promise.all(entries.map((entry) => this.log.append(entry)));
    if (last !== undefined) await this.log.append(last);
  }

  private async run(
    { handler, timeout }: RegisteredHandler,
    message: Message,
    attempt: number,
  ): Promise<unknown> {
    const abort = new AbortController();
    this.atWork.add(abort);
    try {
      const work = handler.handle(message, { attempt, signal: abort.signal });
      return await withDeadline(work, timeout, abort);
    } finally {
      this.atWork.delete(abort);
    }
  }

  private compose(outgoing: Outgoing, request: Message, id: string): Message {
    if ('push' in outgoing) {
      const { messageId, ...push } = outgoing.push;
      // What counts as absent in a body, see checkBody.
      const isNamed = Boolean(messageId);
      const body = { ...push, messageId: isNamed ? messageId : id };
      const message = Message.compose(body, isNamed ? SERVICE : NODE, this.clock);
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
    { businessType }: RegisteredHandler,
    { message, attempt }: UpstreamDelivery,
    outcome: Outcome,
    error: unknown,
  ): void {
    if (outcome.kind === 'done') return;
    const what = `${businessType} message ${message.id} attempt ${String(attempt)}: ${outcome.reason}`;
    if (this.abandoned) {
      this.logger.warn(`${what}; this node has stopped, another one gets it`);
      return;
    }
    this.metrics.count(outcome.kind === 'retry' ? 'handlerRetried' : 'handlerRejected');
    if (outcome.kind === 'retry') this.logger.warn(`${what}; again in ${String(outcome.delay)} ms`);
    else if (error instanceof Error && !isForeseen(error))
      this.logger.error(`${what}; dead letter`, error.stack);
    else this.logger.warn(`${what}; dead letter`);
  }
}

/** An error that somebody wrote down as an outcome; any other is a fault, whose place in the code is of interest. */
function isForeseen(error: Error): boolean {
  return (
    error instanceof Refusal || error instanceof RetryableError || error instanceof HandlerTimeout
  );
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

async function withDeadline<T>(work: Promise<T>, ms: number, abort: AbortController): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const timeout = new HandlerTimeout(`no result within ${String(ms)} ms`);
      // First: what the handler makes of the abort is not the outcome.
      reject(timeout);
      abort.abort(timeout);
    }, ms);
  });
  try {
    return await Promise.race([work, deadline]);
  } finally {
    clearTimeout(timer);
  }
}
