import { setTimeout as wait } from 'node:timers/promises';

import { Logger } from '@nestjs/common';
import type { ConfirmChannel, ConsumeMessage } from 'amqplib';

import type { Clock } from '../../application/ports/clock';
import {
  type ConnectionQuery,
  type FoundConnections,
  type FoundMessage,
  type FoundMessages,
  type MessageQuery,
  Nodes,
  type NodeView,
} from '../../application/ports/nodes';
import type { Routing } from '../../application/ports/upstream';
import { Refusal } from '../../domain/errors';
import type { BrokerLink } from './broker-link';
import type { BrokerUser } from './broker-user';
import { ChannelKeeper } from './channel-keeper';
import type { ConfirmingPublisher } from './confirming-publisher';
import { declareControl, type Names } from './topology';

/** ms between two announcements of a node. */
const ANNOUNCE = 10_000;
/** ms after its last announcement for which a node that did not take its leave is waited for. */
const MISSED = 60_000;
/** ms that a node may take to answer. */
const PATIENCE = 2000;
/** ms after which a new listener knows all others: each announces itself with the beat after it hears the newcomer. */
const INTRODUCTION = 2000;
/** ms that the leave-taking may hold up a stop. */
const LEAVE = 1000;
const PREFETCH = 100;

/** Connections, and a message where one is asked for: a node of a build before knows connections only. */
interface Asked {
  readonly query: ConnectionQuery;
  readonly message?: MessageQuery;
}

/** What nodes tell each other; `node` is the queue of who says it. */
type Notice = { readonly node: string } & (
  | { readonly kind: 'here' | 'gone' }
  | ({ readonly kind: 'ask'; readonly id: string } & Asked)
  | {
      readonly kind: 'answer';
      readonly id: string;
      readonly connections: FoundConnections['connections'];
      /** Null when it does not have the message; absent from a node that cannot say, of a build before. */
      readonly message?: FoundMessage | null;
    }
);

/** What the nodes have answered. */
interface Answers {
  readonly connections: FoundConnections['connections'][number][];
  readonly messages: FoundMessage[];
}

interface Question extends Answers {
  readonly missing: Set<string>;
  readonly asked: Asked;
  readonly done: () => void;
}

/** No user has this name. */
const NOBODY: ConnectionQuery = { uniqueId: '', clientType: '' };

/**
 * Asks the other nodes over a fanout exchange; each has a queue of its own there that goes with its connection. Nodes
 * announce themselves, so that whoever asks knows how many answers there are to be.
 */
export class RabbitMqNodes extends Nodes {
  private readonly logger = new Logger(RabbitMqNodes.name);
  private readonly keeper: ChannelKeeper;
  private readonly queue: string;
  /** When (ms) each node announced itself last. */
  private readonly seen = new Map<string, number>();
  private readonly questions = new Map<string, Question>();
  private announcedAt = -Infinity;
  /** When (ms) this node began to listen, last said what was confirmed, and last heard itself. */
  private listensSince = -Infinity;
  private toldAt = -Infinity;
  private heardAt = -Infinity;
  private left: Promise<void> | undefined;
  private view: NodeView | undefined;

  constructor(
    consuming: BrokerLink,
    private readonly publisher: ConfirmingPublisher,
    private readonly user: BrokerUser,
    private readonly names: Names,
    private readonly clock: Clock,
    /** By which people know it; another one may have the same. */
    private readonly name: string,
  ) {
    super();
    this.queue = names.node(clock.newId());
    this.keeper = new ChannelKeeper(consuming, 'nodes', (channel) => this.listen(channel));
  }

  override async start(view: NodeView): Promise<void> {
    this.view = view;
    await this.keeper.start();
    this.beat();
  }

  override beat(): void {
    const now = this.clock.elapsed();
    if (now - this.announcedAt >= ANNOUNCE) this.announce();
    if (this.isDeaf(now)) this.listenAnew();
    // Who hears nothing cannot know who has gone.
    if (now - this.heardAt > 2 * ANNOUNCE) return;
    for (const [node, at] of this.seen) if (now - at > MISSED) this.forget(node);
  }

  override stop(): Promise<void> {
    this.left ??= this.leave();
    return this.left;
  }

  override async find(query: ConnectionQuery): Promise<FoundConnections> {
    const { connections, partial } = await this.ask({ query });
    return { connections, partial };
  }

  override async trace(message: MessageQuery): Promise<FoundMessages> {
    const { messages, partial } = await this.ask({ query: NOBODY, message });
    return { messages, partial };
  }

  private async leave(): Promise<void> {
    const told = this.tell({ kind: 'gone', node: this.queue }).catch(() => undefined);
    await Promise.race([told, wait(LEAVE, undefined, { ref: false })]);
    await this.keeper.stop();
  }

  private async ask(asked: Asked): Promise<Answers & { readonly partial: boolean }> {
    const soon = this.listensSince + INTRODUCTION - this.clock.elapsed();
    if (soon > 0) await wait(soon);
    const id = this.clock.newId();
    return new Promise((resolve, reject) => {
      const settle = (how: () => void): void => {
        clearTimeout(timer);
        this.questions.delete(id);
        how();
      };
      const question: Question = {
        missing: new Set([...this.seen.keys(), this.queue]),
        connections: [],
        messages: [],
        asked,
        done: () => {
          settle(() => {
            const { connections, messages, missing } = question;
            resolve({ connections, messages, partial: missing.size > 0 });
          });
        },
      };
      const timer = setTimeout(question.done, PATIENCE);
      this.questions.set(id, question);
      this.tell({ kind: 'ask', node: this.queue, id, ...asked }).catch((error: unknown) => {
        settle(() => {
          reject(error instanceof Refusal ? error : new Refusal('UNAVAILABLE'));
        });
      });
    });
  }

  private async listen(channel: ConfirmChannel): Promise<void> {
    await declareControl(channel, this.names);
    await channel.assertQueue(this.queue, { exclusive: true, autoDelete: true, durable: false });
    await channel.bindQueue(this.queue, this.names.control, '');
    await channel.prefetch(PREFETCH);
    await channel.consume(
      this.queue,
      (delivery) => {
        if (delivery === null) {
          this.keeper.restart();
          return;
        }
        try {
          this.receive(delivery);
        } catch (error) {
          this.logger.warn(`not understood: ${String(error)}`);
        }
        channel.ack(delivery);
      },
      { exclusive: true },
    );
    // Others may have gone, or come, while this node could not hear them.
    this.announcedAt = -Infinity;
    this.listensSince = this.clock.elapsed();
  }

  private receive({ content, properties }: ConsumeMessage): void {
    if (!this.user.believes(properties.userId)) {
      this.logger.warn('a message of another user came to the exchange of the nodes: not believed');
      return;
    }
    const notice = JSON.parse(content.toString()) as Notice;
    if (typeof notice.node !== 'string') throw new Error('it names no node');
    if (notice.node === this.queue) this.hear();
    switch (notice.kind) {
      case 'here':
        this.meet(notice.node);
        return;
      case 'gone':
        this.forget(notice.node);
        return;
      case 'ask':
        this.meet(notice.node);
        this.answer(notice).catch((error: unknown) => {
          this.logger.warn(`not answered: ${String(error)}`);
        });
        return;
      case 'answer':
        this.take(notice);
    }
  }

  /** One that is new here has not heard of this one either: it does with the next beat, as may others that are new. */
  private meet(node: string): void {
    if (!this.seen.has(node)) this.announcedAt = -Infinity;
    this.seen.set(node, this.clock.elapsed());
  }

  /** After a time in which nothing was heard, others have as long to announce themselves as if they had just done so. */
  private hear(): void {
    const now = this.clock.elapsed();
    if (now - this.heardAt > 2 * ANNOUNCE)
      for (const node of this.seen.keys()) this.seen.set(node, now);
    this.heardAt = now;
  }

  private forget(node: string): void {
    this.seen.delete(node);
  }

  private async answer({
    id,
    node,
    query,
    message,
  }: Extract<Notice, { kind: 'ask' }>): Promise<void> {
    // Who has taken its leave is not waited for.
    if (this.left !== undefined || this.view === undefined) return;
    const connections = this.view.connections(query).map((one) => ({ ...one, node: this.name }));
    const answer: Notice = { kind: 'answer', node: this.queue, id, connections };
    if (message === undefined) await this.publish('', node, answer);
    else {
      const found = (await this.view.message(message)) ?? null;
      await this.publish('', node, { ...answer, message: found });
    }
  }

  private take(answer: Extract<Notice, { kind: 'answer' }>): void {
    const question = this.questions.get(answer.id);
    if (question === undefined) return;
    if (question.asked.message !== undefined && answer.message === undefined) return;
    question.missing.delete(answer.node);
    for (const one of answer.connections) question.connections.push(one);
    if (answer.message) question.messages.push(answer.message);
    if (question.missing.size === 0) question.done();
  }

  private announce(): void {
    this.announcedAt = this.clock.elapsed();
    this.tell({ kind: 'here', node: this.queue }).catch(() => {
      // The broker is away, or takes nothing: again with the next beat but one.
      this.announcedAt = this.clock.elapsed() - ANNOUNCE + 1000;
    });
  }

  /** Nobody gets it when the exchange was deleted, and with it what was bound. */
  private async tell(notice: Notice): Promise<void> {
    const at = this.clock.elapsed();
    const routing = await this.publish(this.names.control, '', notice);
    if (routing === 'unroutable') this.listenAnew();
    else this.toldAt = at;
  }

  /** True when what it has told everybody, itself included, did not come back. */
  private isDeaf(now: number): boolean {
    const { toldAt, heardAt, listensSince } = this;
    return toldAt > heardAt && toldAt >= listensSince && now - toldAt > PATIENCE;
  }

  private listenAnew(): void {
    if (this.left !== undefined || this.keeper.channel === undefined) return;
    this.logger.warn('its queue gets nothing: it is bound anew');
    this.keeper.restart();
  }

  private publish(exchange: string, key: string, notice: Notice): Promise<Routing> {
    const options = { userId: this.user.name, messageId: this.clock.newId() };
    const content = Buffer.from(JSON.stringify(notice));
    return this.publisher.publish(exchange, key, content, options);
  }
}
