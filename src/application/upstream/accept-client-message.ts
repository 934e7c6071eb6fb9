import { Refusal } from '../../domain/errors';
import { checkNumbers } from '../../domain/message/body-rules';
import { Message, type Origin } from '../../domain/message/message';
import { checkReceipt, routeOf } from '../../domain/routing/routing-policy';
import type { SendPermission } from '../../domain/routing/send-permission';
import type { HandlerRegistry } from '../handlers/handler-registry';
import { messageEntry } from '../message-json';
import type { Clock } from '../ports/clock';
import type { LogWriter } from '../ports/message-log';
import type { HandlerQueues, UpstreamPublisher } from '../ports/upstream';

/** A client sends: to the handlers, or to other clients. Accepted means confirmed by the broker and not returned. */
export class AcceptClientMessage {
  constructor(
    private readonly log: LogWriter,
    private readonly upstream: UpstreamPublisher,
    private readonly handlers: HandlerRegistry,
    private readonly queues: HandlerQueues,
    private readonly clock: Clock,
    private readonly maxBytes: number,
  ) {}

  /** Checks the body in the sender's name; throws a Refusal that names the field. Nothing is sent yet. */
  compose(body: unknown, sender: Origin, permission: SendPermission): Message {
    const message = Message.compose(body, sender, this.clock);
    checkNumbers(message.body.content);
    checkReceipt(message);
    permission.check(message.body);
    this.handlers.checkSender(message.body, sender);
    return message;
  }

  /** Resolves when the message is accepted, rejects with a Refusal otherwise. */
  execute(message: Message): Promise<void> {
    if (routeOf(message).exchange === 'push') return this.push(message);
    // What waits for the confirm must not hold the whole message.
    const { businessType } = message.body;
    return this.upstream.publish(message).then((routing) => {
      if (routing === 'routed') return;
      if (this.queues.restore(businessType))
        throw new Refusal('UNAVAILABLE', "its handler's queue is made anew");
      throw new Refusal(
        'NO_HANDLER',
        `nobody handles business type ${businessType}`,
        'businessType',
      );
    });
  }

  private async push(message: Message): Promise<void> {
    await this.log.append(messageEntry(message, this.maxBytes));
  }
}
