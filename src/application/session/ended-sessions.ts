import { Logger } from '@nestjs/common';

import { Revocations, type Revocation } from '../../domain/connection/revocations';
import type { Identity } from '../../domain/connection/identity';
import { Cursor } from '../../domain/log/cursor';
import type { LogEntry } from '../../domain/log/log-entry';
import type { Followed, LogWatcher } from '../log/log-follower';
import { LogProbe } from '../log/log-probe';
import type { Clock } from '../ports/clock';
import type { LogListener, RevocationLog } from '../ports/message-log';

/**
 * ms for which an end is remembered: 31 days, longer than any token is good, which is 30 days of a session and 15 minutes before it.
 * It does not follow SESSION_TTL: a token keeps the one of the time at which it was issued.
 */
const MEMORY = 31 * 24 * 3_600_000;
/** ms between two entries that this node writes, so that the log is never empty, and that prove the way through it. */
const PROBE_INTERVAL = 600_000;
/** ms that a probe waits for its entry to come back. */
const TIMEOUT = 5000;
/** ms between two looks whether this node has read all that the log holds. */
const LOOK_INTERVAL = 20_000;
/** ms between two looks of a node that has not. */
const BEHIND_INTERVAL = 2000;
/** ms after the last time it had for which nothing is said of it. */
const FRESH = 90_000;

/**
 * The sessions that services have ended, by way of a log of their own that every node reads as far back as a session may
 * last: so a node that starts later, or was away, knows them as well.
 */
export class EndedSessions implements LogListener, Followed {
  private readonly logger = new Logger(EndedSessions.name);
  /** Position of the last entry read. */
  applied: Cursor | undefined;
  private readonly revocations = new Revocations();
  private readonly listeners: ((revocation: Revocation) => void)[] = [];
  private readonly watchers: LogWatcher[] = [];
  private readonly probe: LogProbe;

  /** When (ms) this node looked last, and when it had read all. */
  private lookedAt = -Infinity;
  private knewAt = -Infinity;
  private isLooking = false;
  private isLate = false;
  /** How far it had read at the last look, when that was not all; undefined when it was. */
  private behindAt: number | undefined;

  constructor(
    private readonly log: RevocationLog,
    private readonly clock: Clock,
  ) {
    const limits = { timeout: TIMEOUT, interval: PROBE_INTERVAL };
    this.probe = new LogProbe(log.writer, log.reader, this, clock, limits);
  }

  /**
   * True once this node knows of all sessions that had been ended before it started. It stays so when it can read nothing more, of
   * which `lag` tells: to send everybody away would be worse than to let somebody in who had a token before.
   */
  get known(): boolean {
    return this.knewAt !== -Infinity;
  }

  /** ms since this node last knew that it has read all; 0 while it has not for the first time. */
  get lag(): number {
    return this.known ? this.clock.elapsed() - this.knewAt : 0;
  }

  /** True when a service has ended the session since the token was issued (ms since epoch). */
  includes(identity: Identity, issuedAt: number): boolean {
    return this.revocations.covers(identity, issuedAt);
  }

  /**
   * Makes the tokens void that the user was issued up to now, and closes what they have opened; `clientType` empty = of every
   * type. Resolves to the moment (ms since epoch) when it is logged; rejects with a retryable Refusal when it is not, or
   * nobody knows.
   */
  async end(uniqueId: string, clientType: string): Promise<number> {
    const before = this.clock.now();
    await this.log.writer.append({ kind: 'revocation', uniqueId, clientType, before });
    return before;
  }

  /** `listener` is called with every revocation, in the tick that reads it. */
  onEnded(listener: (revocation: Revocation) => void): void {
    this.listeners.push(listener);
  }

  async start(): Promise<void> {
    await this.log.reader.start(MEMORY, this);
    this.beat();
  }

  beat(): void {
    this.probe.beat();
    this.revocations.forgetBefore(this.clock.now() - MEMORY);
    this.report();
    const now = this.clock.elapsed();
    const interval = this.known && this.lag < FRESH ? LOOK_INTERVAL : BEHIND_INTERVAL;
    if (this.isLooking || now - this.lookedAt < interval) return;
    this.lookedAt = now;
    this.isLooking = true;
    this.log.reader
      .isAtEnd()
      .then((isAtEnd) => {
        this.looked(now, isAtEnd);
      })
      // What cannot be asked is not known.
      .catch(() => undefined)
      .finally(() => {
        this.isLooking = false;
      });
  }

  stop(): Promise<void> {
    return this.log.reader.stop();
  }

  watch(watcher: LogWatcher): void {
    this.watchers.push(watcher);
  }

  entry(entry: LogEntry): void {
    this.applied = new Cursor(entry.offset, entry.timestamp);
    if (entry.kind === 'probe') {
      for (const watcher of this.watchers) watcher.probeRead(entry.id);
      this.knewAt = Math.max(this.knewAt, this.probe.caughtUpAt);
    }
    if (entry.kind !== 'revocation') return;
    this.revocations.enter(entry);
    for (const listener of this.listeners) listener(entry);
  }

  /** By its age retention takes what no token outlives; more has been lost when it was by bytes. */
  lost(offset: number): void {
    this.logger.error(
      `the log of ended sessions has lost its entries up to offset ${String(offset)}: tokens of those sessions may open again`,
    );
  }

  /** What was known of the log before holds all the same. */
  reset(): void {
    this.applied = undefined;
  }

  /** Once each time that it begins. */
  private report(): void {
    const isLate = this.lag > FRESH;
    if (isLate && !this.isLate)
      this.logger.error(
        'this node cannot read which sessions were ended: their connections stay open',
      );
    this.isLate = isLate;
  }

  /** A reader that stands still although there is something to read is opened anew. */
  private looked(at: number, isAtEnd: boolean): void {
    const read = this.applied?.offset ?? -1;
    if (isAtEnd) this.knewAt = at;
    else if (this.behindAt === read && this.known) this.log.reader.restart();
    this.behindAt = isAtEnd ? undefined : read;
  }
}
