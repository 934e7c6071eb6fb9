import { Logger } from '@nestjs/common';

import type { Cursor } from '../../domain/log/cursor';
import { Refusal } from '../../domain/errors';
import type { Clock } from '../ports/clock';
import type { LogReader, LogWriter } from '../ports/message-log';
import type { LogFollower } from './log-follower';

/** ms between probes; the log also tells time by them to entries that carry none. */
export const PROBE_INTERVAL = 5000;
/** A node that knew longer ago than this (ms) that it has caught up is not ready. */
const FRESH = 12_000;
/** ms of silence from a log that takes entries after which the reader is opened anew. */
const SILENT = 20_000;

interface Flight {
  readonly id: string;
  readonly since: number;
  readonly deadline: number;
  readonly done: (error?: Refusal) => void;
}

/**
 * Writes an entry and waits until this node reads it: the one proof that the way through the log works and that
 * the node has caught up with everything confirmed before. While the log takes nothing from anybody there is nothing to
 * write, and nothing to miss for a node that has read to its end.
 */
export class LogProbe {
  private readonly flights = new Map<string, Flight>();
  private readonly logger = new Logger(LogProbe.name);
  private waiting: Promise<void> | undefined;
  private current: Promise<void> | undefined;
  /** When (ms) the node last knew that it has caught up. */
  private caughtUp = -Infinity;
  private isLooking = false;
  /** ms that the last probe took to come back. */
  private trip = 0;
  /** Since when (ms) no probe has come back. */
  private awaitedSince: number | undefined;
  /** Since when (ms) an entry is confirmed that this node has not read, and how far it had read by then. */
  private unread: { readonly since: number; readonly applied: number } | undefined;

  constructor(
    private readonly writer: LogWriter,
    private readonly reader: LogReader,
    private readonly follower: LogFollower,
    private readonly clock: Clock,
    private readonly timeout: number,
  ) {
    follower.watch({
      probeRead: (id) => {
        const flight = this.flights.get(id);
        if (flight === undefined) return;
        const now = this.clock.elapsed();
        this.trip = now - flight.since;
        this.catchUp(now);
        flight.done();
      },
    });
  }

  /** True when the node knew a moment ago that it has caught up. */
  get ready(): boolean {
    return this.clock.elapsed() - this.caughtUp < FRESH;
  }

  /** True while the log takes nothing from anybody. */
  get blocked(): boolean {
    return this.writer.blocked;
  }

  /** ms by which this node is behind the end of the log: the way of its last probe, or the wait for the next. */
  get lag(): number {
    if (this.awaitedSince === undefined) return this.trip;
    return Math.max(this.trip, this.clock.elapsed() - this.awaitedSince);
  }

  /** Resolves when a probe written after this call was read; callers share it. Rejects with a retryable Refusal. */
  probe(): Promise<void> {
    if (this.current === undefined) return this.run();
    this.waiting ??= this.current
      .catch(() => undefined)
      .then(() => {
        this.waiting = undefined;
        return this.run();
      });
    return this.waiting;
  }

  /** True when the node has applied the cursor's entry; false when the log has no such entry. */
  async reach(cursor: Cursor): Promise<boolean> {
    if (this.hasApplied(cursor)) return true;
    await this.probe();
    return this.hasApplied(cursor);
  }

  /** True when the node has applied the cursor's entry already. */
  hasApplied(cursor: Cursor): boolean {
    return (this.follower.applied?.offset ?? -1) >= cursor.offset;
  }

  /** One beat of the watchdog; called every second. */
  beat(): void {
    const now = this.clock.elapsed();
    for (const flight of [...this.flights.values()]) {
      if (flight.deadline <= now)
        flight.done(new Refusal('UNKNOWN_OUTCOME', 'the log did not answer in time'));
    }
    this.watchReader(now);
    if (now - this.caughtUp < PROBE_INTERVAL) return;
    if (this.blocked) this.look(now);
    else if (this.current === undefined) this.probe().catch(() => undefined);
  }

  private catchUp(now: number): void {
    this.caughtUp = now;
    this.awaitedSince = undefined;
    this.unread = undefined;
  }

  /** Where nothing can be written, compares what was read with what the log holds; a log that cannot be asked says no. */
  private look(now: number): void {
    if (this.isLooking) return;
    this.isLooking = true;
    this.reader
      .isAtEnd()
      .then((isAtEnd) => {
        if (isAtEnd && this.blocked) this.catchUp(now);
      })
      .catch(() => undefined)
      .finally(() => {
        this.isLooking = false;
      });
  }

  /** A reader that reads is only behind; one that stands still, although there is something to read, is dead. */
  private watchReader(now: number): void {
    if (this.unread === undefined || now - this.unread.since <= SILENT) return;
    const stands = this.unread.applied === this.mark().applied;
    this.unread = stands ? undefined : this.mark();
    if (!stands) return;
    this.logger.warn('the log takes entries but this node reads none: its reader is opened anew');
    this.reader.restart();
  }

  private mark(): { since: number; applied: number } {
    return { since: this.clock.elapsed(), applied: this.follower.applied?.offset ?? -1 };
  }

  private run(): Promise<void> {
    // Two callers may have waited for the same probe to end.
    if (this.current !== undefined) return this.current;
    const running = this.fly().finally(() => {
      this.current = undefined;
    });
    this.current = running;
    return running;
  }

  private fly(): Promise<void> {
    const id = this.clock.newId();
    const since = this.clock.elapsed();
    this.awaitedSince ??= since;
    return new Promise((resolve, reject) => {
      const done = (error?: Refusal): void => {
        this.flights.delete(id);
        if (error === undefined) resolve();
        else reject(error);
      };
      this.flights.set(id, { id, since, deadline: since + this.timeout, done });
      this.writer.append({ kind: 'probe', id }).then(
        () => {
          if (this.flights.has(id)) this.unread ??= this.mark();
        },
        (error: unknown) => {
          done(error instanceof Refusal ? error : new Refusal('INTERNAL'));
        },
      );
    });
  }
}
