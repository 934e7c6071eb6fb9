import { setTimeout as wait } from 'node:timers/promises';

import type { Exchanged, UpstreamPlan } from './commands';
import { type Connection, textFrame } from './connection';
import type { ConnectionPool } from './connection-pool';
import { Latencies } from './latencies';
import { pace } from './pacer';
import { microseconds, Template } from './template';

const STEP = 5;
/** ms without an answer after which the rest is taken as lost. */
const QUIET = 5000;

/** Clients that send and wait for the answer to each message, which come in the order they were sent. */
export class Upstream {
  private readonly frame: Template;
  private readonly answer: Buffer;
  private readonly sentAt: number[][] = [];
  private readonly latencies = new Latencies();
  private sent = 0;
  private answered = 0;
  private refused = 0;
  private measured = 0;
  private answeredInChunk = 0;
  private from = 0;
  private to = 0;

  constructor(
    private readonly pool: ConnectionPool,
    private readonly plan: UpstreamPlan,
    /** Of the first message, so that no number comes twice. */
    private sequence: number,
  ) {
    this.frame = new Template(textFrame(Buffer.from(plan.frame)));
    this.answer = Buffer.from(plan.answer);
    this.sentAt = pool.connections.map(() => []);
  }

  get nextSequence(): number {
    return this.sequence;
  }

  async run(): Promise<Exchanged> {
    const { warmUp, duration, rate } = this.plan;
    this.pool.listen(
      (connection, payload) => {
        this.onAnswer(connection, payload);
      },
      (connection) => {
        this.onChunk(connection);
      },
    );
    const start = microseconds();
    this.from = start + warmUp * 1000;
    this.to = this.from + duration * 1000;
    if (rate > 0) await this.paced();
    else await this.saturated();
    await this.drain();
    return {
      sent: this.sent,
      answered: this.answered,
      refused: this.refused,
      rate: this.measured / (duration / 1000),
      spread: this.latencies.spread(),
    };
  }

  private async saturated(): Promise<void> {
    for (const connection of this.pool.connections) this.send(connection, this.plan.window);
    while (microseconds() < this.to) await wait(STEP);
  }

  private async paced(): Promise<void> {
    const { rate, warmUp, duration } = this.plan;
    const count = Math.floor((rate * (warmUp + duration)) / 1000);
    let turn = 0;
    await pace(
      { count, rate, window: 0 },
      () => 0,
      (messages) => {
        for (let i = 0; i < messages; i += 1) {
          const connection = this.pool.connections[turn % this.pool.connections.length];
          turn += 1;
          if (connection !== undefined) this.send(connection, 1);
        }
      },
    );
  }

  private async drain(): Promise<void> {
    let seen = -1;
    let changedAt = microseconds();
    while (this.answered + this.refused < this.sent && microseconds() - changedAt < QUIET * 1000) {
      if (this.answered !== seen) {
        seen = this.answered;
        changedAt = microseconds();
      }
      await wait(STEP);
    }
  }

  private send(connection: Connection, messages: number): void {
    const bytes = Buffer.allocUnsafe(this.frame.length * messages);
    const now = microseconds();
    for (let i = 0; i < messages; i += 1) {
      this.frame.write(bytes, i * this.frame.length, connection.index, this.sequence, now);
      this.sequence += 1;
      this.sentAt[connection.index]?.push(now);
    }
    this.sent += messages;
    connection.write(bytes);
  }

  private onAnswer(connection: Connection, payload: Buffer): void {
    const at = this.sentAt[connection.index]?.shift();
    if (!payload.includes(this.answer)) {
      this.refused += 1;
      return;
    }
    this.answered += 1;
    this.answeredInChunk += 1;
    const now = microseconds();
    if (at === undefined || now < this.from || now >= this.to) return;
    this.measured += 1;
    this.latencies.add(now - at);
  }

  private onChunk(connection: Connection): void {
    const messages = this.answeredInChunk;
    this.answeredInChunk = 0;
    if (this.plan.rate === 0 && messages > 0 && microseconds() < this.to)
      this.send(connection, messages);
  }
}
