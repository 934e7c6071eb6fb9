import { setTimeout as wait } from 'node:timers/promises';

import type { Collected, Opened, OpenPlan } from './commands';
import { Connection, type Observer } from './connection';
import { Latencies } from './latencies';
import { microseconds, stampIn } from './template';

const STEP = 5;
/** Source addresses, since each has only so many ports. */
const ADDRESSES = 16;
const OPEN_LIMIT = 900_000;

/** Told of each message, instead of the pool's own counting of ages. */
export type Answered = (connection: Connection, payload: Buffer) => void;

/** The connections of this process, and what came on them. */
export class ConnectionPool implements Observer {
  wantsPayload = false;
  connections: Connection[] = [];
  private open = 0;
  private failed = 0;
  private closedSince = 0;
  private problem = '';
  private received = 0;
  private bytes = 0;
  private firstAt = 0;
  private lastAt = 0;
  private readInChunk = 0;
  private readonly latencies = new Latencies();
  private answered: Answered | undefined;
  private chunkDone: ((connection: Connection) => void) | undefined;
  private next: (() => void) | undefined;

  async openAll(plan: OpenPlan): Promise<Opened> {
    this.open = 0;
    this.failed = 0;
    this.problem = '';
    const start = microseconds();
    const total = plan.paths.length;
    let begun = 0;
    this.next = () => {
      while (begun < total && begun - this.open - this.failed < plan.inFlight) {
        this.connections.push(this.connect(plan, begun));
        begun += 1;
      }
    };
    this.next();
    while (this.open + this.failed < total && microseconds() - start < OPEN_LIMIT * 1000)
      await wait(STEP);
    this.next = undefined;
    return {
      open: this.open,
      seconds: (this.lastAt - start) / 1e6,
      problem: this.problem,
    };
  }

  begin(latency: boolean): void {
    for (const connection of this.connections) connection.received = 0;
    this.received = 0;
    this.bytes = 0;
    this.firstAt = 0;
    this.closedSince = 0;
    this.latencies.clear();
    this.wantsPayload = latency;
  }

  async collect(expected: number, quiet: number, linger: number): Promise<Collected> {
    let seen = -1;
    let changedAt = microseconds();
    while (this.received < expected && microseconds() - changedAt < quiet * 1000) {
      if (this.received !== seen) {
        seen = this.received;
        changedAt = microseconds();
      }
      await wait(STEP);
    }
    const { lastAt } = this;
    await wait(linger);
    return {
      received: this.received,
      bytes: this.bytes,
      firstAt: this.firstAt,
      lastAt,
      counts: this.connections.map((connection) => connection.received),
      closed: this.closedSince,
      spread: this.latencies.spread(),
    };
  }

  /** Gives every message to `answered`, and tells when those of one read are through. */
  listen(answered: Answered, chunkDone: (connection: Connection) => void): void {
    this.answered = answered;
    this.chunkDone = chunkDone;
    this.wantsPayload = true;
  }

  closeAll(): void {
    for (const connection of this.connections) connection.destroy();
    this.connections = [];
    this.answered = undefined;
    this.chunkDone = undefined;
    this.wantsPayload = false;
  }

  opened(): void {
    this.open += 1;
    this.lastAt = microseconds();
    this.next?.();
  }

  message(connection: Connection, payload: Buffer): void {
    this.readInChunk += 1;
    if (this.answered !== undefined) this.answered(connection, payload);
    else if (this.wantsPayload) this.age(payload);
  }

  chunkRead(connection: Connection, bytes: number): void {
    this.bytes += bytes;
    if (this.readInChunk === 0) return;
    this.received += this.readInChunk;
    this.readInChunk = 0;
    this.lastAt = microseconds();
    if (this.firstAt === 0) this.firstAt = this.lastAt;
    this.chunkDone?.(connection);
  }

  closed(connection: Connection, problem: string): void {
    if (this.problem === '') this.problem = problem;
    if (connection.isOpen) {
      this.closedSince += 1;
      return;
    }
    this.failed += 1;
    this.next?.();
  }

  private age(payload: Buffer): void {
    const stamp = stampIn(payload);
    if (stamp !== undefined) this.latencies.add(microseconds() - stamp);
  }

  private connect(plan: OpenPlan, index: number): Connection {
    return new Connection(
      index,
      {
        port: plan.ports[index % plan.ports.length] ?? 0,
        path: plan.paths[index] ?? '/',
        protocol: plan.protocol,
        greetings: plan.greetings,
        hello: plan.hello,
        localAddress: `127.0.0.${String(100 + (index % ADDRESSES))}`,
      },
      this,
    );
  }
}
