import { Refusal } from '../../domain/errors';
import { checkNumbers } from '../../domain/message/body-rules';
import { Message, SERVICE } from '../../domain/message/message';
import { checkIsPush, checkReceipt } from '../../domain/routing/routing-policy';
import type { ServiceReach } from '../../domain/routing/service-reach';
import { messageEntry } from '../message-json';
import type { Clock } from '../ports/clock';
import type { LogWriter } from '../ports/message-log';
import type { Metrics } from '../ports/metrics';

/** What became of one body of a batch. */
export type PushResult =
  { readonly messageId: string } | { readonly refusal: Refusal; readonly messageId?: string };

/** A service pushes to clients it may reach: the message is accepted when the log has confirmed it. */
export class PushMessage {
  constructor(
    private readonly log: LogWriter,
    private readonly clock: Clock,
    private readonly metrics: Metrics,
    private readonly maxBytes: number,
  ) {}

  /** Resolves to the message's id. Rejects with a Refusal; a retryable one is repeated with the same messageId. */
  async execute(body: unknown, reach: ServiceReach): Promise<string> {
    const result = await this.one(body, reach);
    if ('refusal' in result) throw result.refusal;
    return result.messageId;
  }

  /** One result per body, in order; a refused body does not touch the others. */
  executeAll(bodies: readonly unknown[], reach: ServiceReach): Promise<readonly PushResult[]> {
    return Promise.all(bodies.map((body) => this.one(body, reach)));
  }

  private async one(body: unknown, reach: ServiceReach): Promise<PushResult> {
    let messageId: string | undefined;
    try {
      const message = Message.compose(body, SERVICE, this.clock);
      checkNumbers(message.body.content);
      checkIsPush(message);
      checkReceipt(message);
      reach.checkPush(message.body);
      messageId = message.id;
      await this.log.append(messageEntry(message, this.maxBytes));
      this.metrics.count('pushAccepted');
      return { messageId };
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.metrics.count('pushRefused');
      return messageId === undefined ? { refusal: error } : { refusal: error, messageId };
    }
  }
}
