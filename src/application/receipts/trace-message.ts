import { Refusal } from '../../domain/errors';
import { NODE_SENDER } from '../../domain/message/message';
import { audienceOf } from '../../domain/routing/audience';
import type { Address, ServiceReach } from '../../domain/routing/service-reach';
import type { DeliveredBody } from '../../protocol/unified-body';
import type { LogFollower } from '../log/log-follower';
import type { LogProbe } from '../log/log-probe';
import type { Clock } from '../ports/clock';
import type {
  Acknowledged,
  FoundMessage,
  FoundMessages,
  MessageQuery,
  Nodes,
} from '../ports/nodes';
import type { Receipts } from './receipts';

/** How far a message got: in the log, at some connection, acknowledged, or expired with neither. */
export const STAGES = ['accepted', 'delivered', 'acknowledged', 'expired'] as const;

/** Where a message got; times in ms since epoch. */
export interface MessageTrace {
  readonly messageId: string;
  readonly stage: (typeof STAGES)[number];
  readonly cursor: string;
  /** Absent when its publisher did not say when that was. */
  readonly acceptedAt?: number;
  readonly expiresAt?: number;
  /** Open connections that were sent it. */
  readonly connections: number;
  /** Only for a message that asks for a receipt. */
  readonly acknowledged?: Acknowledged;
  /** True when a node did not answer. */
  readonly partial: boolean;
}

/** Finds out where a message to clients got. */
export class TraceMessage {
  constructor(
    private readonly follower: LogFollower,
    private readonly probe: LogProbe,
    private readonly receipts: Receipts,
    private readonly nodes: Nodes,
    private readonly clock: Clock,
  ) {}

  /**
   * Asks every node. Rejects with NOT_FOUND when none has the message, with UNKNOWN_OUTCOME when a node that may have it did
   * not answer, and with UNAVAILABLE when they cannot be asked. `sender`: see MessageQuery.
   */
  async execute(
    messageId: string,
    sender: string | undefined,
    reach: ServiceReach,
  ): Promise<MessageTrace> {
    const query = { messageId, sender };
    let { messages, partial } = await this.ask({ ...query, forSure: false }, reach);
    // What was confirmed a moment ago may not have been read.
    if (messages.length === 0)
      ({ messages, partial } = await this.ask({ ...query, forSure: true }, reach));
    const [first] = messages;
    if (first !== undefined) {
      const same = messages.filter((one) => !one.isUnicast || one.cursor === first.cursor);
      return this.sumUp(messageId, first, same, partial);
    }
    if (partial)
      throw new Refusal('UNKNOWN_OUTCOME', 'not every node has answered; ask again later');
    throw new Refusal('NOT_FOUND', 'no message to clients with this id, or none any more');
  }

  /** What this node knows; rejects when it cannot make sure. */
  async look(query: MessageQuery): Promise<FoundMessage | undefined> {
    const found = this.lookAtOnce(query);
    if (found !== undefined || !query.forSure) return found;
    await this.probe.probe();
    return this.lookAtOnce(query);
  }

  /** What is not for the service is as if it were not there: ids that nodes make can be counted up. */
  private async ask(query: MessageQuery, reach: ServiceReach): Promise<FoundMessages> {
    const { messages, partial } = await this.nodes.trace(query);
    return { messages: messages.filter(({ address }) => reach.covers(address)), partial };
  }

  private lookAtOnce({ messageId, sender }: MessageQuery): FoundMessage | undefined {
    const { window, delivery } = this.follower;
    const held =
      window.find(messageId, sender) ??
      (sender === undefined ? window.find(messageId, NODE_SENDER) : undefined);
    if (held === undefined) return undefined;
    const receipt = this.receipts.of(held);
    const { offset, timestamp } = held.cursor;
    const body = this.follower.bodyOf(held);
    const [audience, now] = [audienceOf(body), this.clock.now()];
    const connections = held.isLate
      ? 0
      : delivery.count(audience, (one) => one.wasSent(audience, offset, held.expiresAt, now));
    return {
      cursor: held.cursor.toString(),
      address: addressOf(body),
      isUnicast: audience.kind === 'unicast',
      loggedAt: timestamp,
      expiresAt: held.expiresAt,
      connections,
      ...(receipt !== undefined && {
        acknowledged: {
          uniqueId: receipt.fromUniqueId ?? '',
          clientType: receipt.fromClientType ?? '',
          at: receipt.timestamp,
        },
      }),
    };
  }

  private sumUp(
    messageId: string,
    { cursor, loggedAt, expiresAt }: FoundMessage,
    messages: readonly FoundMessage[],
    partial: boolean,
  ): MessageTrace {
    const acknowledged = messages.find((one) => one.acknowledged !== undefined)?.acknowledged;
    const connections = messages.reduce((sum, one) => sum + one.connections, 0);
    return {
      messageId,
      stage: this.stageOf(acknowledged, connections, expiresAt),
      cursor,
      ...(loggedAt !== 0 && { acceptedAt: loggedAt }),
      ...(expiresAt !== 0 && { expiresAt }),
      connections,
      ...(acknowledged !== undefined && { acknowledged }),
      partial,
    };
  }

  private stageOf(
    acknowledged: Acknowledged | undefined,
    connections: number,
    expiresAt: number,
  ): MessageTrace['stage'] {
    if (acknowledged !== undefined) return 'acknowledged';
    if (connections > 0) return 'delivered';
    return expiresAt !== 0 && expiresAt < this.clock.now() ? 'expired' : 'accepted';
  }
}

function addressOf(body: DeliveredBody): Address {
  const { sendType, businessType, fromUniqueId, toUniqueId, tags, businesses } = body;
  return { sendType, businessType, fromUniqueId, toUniqueId, tags, businesses };
}
