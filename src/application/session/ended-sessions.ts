import { Logger } from '@nestjs/common';

import { END_MEMORY } from '../../domain/connection/session-limits';
import { Revocations, type Revocation } from '../../domain/connection/revocations';
import type { Identity } from '../../domain/connection/identity';
import type { LogEntry } from '../../domain/log/log-entry';
import type { Clock } from '../ports/clock';
import type { LogListener, RevocationLog } from '../ports/message-log';

/** ms after which a node writes another entry: the newest one is always young enough to be read at a start. */
const MARK_INTERVAL = 24 * 3_600_000;
/** ms between two looks whether this node has read all that the log holds. */
const LOOK_INTERVAL = 20_000;
/** ms between two looks of a node that has not. */
const BEHIND_INTERVAL = 2000;
/** ms without having read everything after which an error is logged, and the looks come closer together. */
const FRESH = 90_000;

/**
 * The sessions that services have ended, or replaced by others, by way of a log of their own that every node reads as far back as a session may
 * last: so a node that starts later, or was away, knows them as well.
 */
export class EndedSessions implements LogListener {
  private readonly logger = new Logger(EndedSessions.name);
  private readonly revocations = new Revocations();
  private readonly listeners: ((revocation: Revocation) => void)[] = [];
  /** Offset of the last entry read. */
  private applied = -1;
  /** When (ms) this node looked last, and when it had read all. */
  private lookedAt = -Infinity;
  private knewAt = -Infinity;
  private isLooking = false;
  /** The entry of its own that this node has written last; undefined when the log did not take it. */
  private marked: string | undefined;
  private markedAt = -Infinity;
  private isLate = false;
  /** Since when (ms) it has not read all, and stands where it stands. */
  private behind:
    { readonly since: number; readonly applied: number; readonly isAsked: boolean } | undefined;

  constructor(
    private readonly log: RevocationLog,
    private readonly clock: Clock,
  ) {}

  /**
   * True once this node knows of all sessions that had been ended before it started. It stays so when it can read nothing more, of
   * which `lag` tells: to send everybody away would be worse than to let somebody in who had a token before.
   */
  get known(): boolean {
    return this.knewAt !== -Infinity;
  }

  /** ms since this node last knew that it has read everything; 0 until it has for the first time. */
  get lag(): number {
    return this.known ? this.clock.elapsed() - this.knewAt : 0;
  }

  /** What has ended the session since its token was issued (ms since epoch); undefined when nothing has. */
  endOf(identity: Identity, issuedAt: number): Revocation | undefined {
    return this.revocations.covering(identity, issuedAt);
  }

  /**
   * Makes the tokens void that the user was issued up to now, and closes what they have opened; `clientType` empty = of every
   * type. Resolves to the moment (ms since epoch) when it is logged; rejects with a retryable Refusal when it is not, or
   * nobody knows.
   */
  async end(uniqueId: string, clientType: string): Promise<number> {
    const before = this.clock.now();
    const of = { uniqueId, clientType };
    await this.log.writer.append({ kind: 'revocation', ...of, before, replaced: false });
    return before;
  }

  /** The same up to `before` (ms since epoch), for a session that begins later and is to be the only one. */
  replace(identity: Identity, before: number): Promise<void> {
    return this.log.writer.append({ kind: 'revocation', ...identity, before, replaced: true });
  }

  /** `listener` is called with every revocation, in the tick that reads it. */
  onEnded(listener: (revocation: Revocation) => void): void {
    this.listeners.push(listener);
  }

  async start(): Promise<void> {
    await this.log.reader.start(END_MEMORY, this);
    this.mark();
  }

  beat(): void {
    this.revocations.forgetBefore(this.clock.now() - END_MEMORY);
    this.report();
    const now = this.clock.elapsed();
    const interval = this.known && this.lag < FRESH ? LOOK_INTERVAL : BEHIND_INTERVAL;
    if (this.isLooking || now - this.lookedAt < interval) return;
    this.lookedAt = now;
    if (now - this.markedAt > MARK_INTERVAL) this.mark();
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

  entry(entry: LogEntry): void {
    this.applied = entry.offset;
    if (entry.kind === 'probe' && entry.id === this.marked) this.knewAt = this.clock.elapsed();
    if (entry.kind !== 'revocation') return;
    this.revocations.enter(entry);
    for (const listener of this.listeners) listener(entry);
  }

  /** Retention by age drops only what no valid token can be older than; retention by bytes may drop more. */
  lost(offset: number): void {
    this.logger.error(
      `the log of ended sessions has lost its entries up to offset ${String(offset)}: tokens of those sessions may open again`,
    );
  }

  /** What was known of the log before holds all the same. */
  reset(): void {
    this.applied = -1;
  }

  /**
   * Writes an entry. A node that reads it back has read everything before it, and the log is never empty. During an alarm
   * nothing can be written, and `isAtEnd` has to do.
   */
  private mark(): void {
    this.marked = this.clock.newId();
    this.markedAt = this.clock.elapsed();
    this.log.writer.append({ kind: 'probe', id: this.marked }).catch(() => {
      this.marked = undefined;
    });
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
    const { applied, behind } = this;
    if (isAtEnd) {
      this.knewAt = at;
      this.behind = undefined;
      return;
    }
    if (this.marked === undefined) this.mark();
    if (behind?.applied !== applied) {
      this.behind = { since: at, applied, isAsked: false };
      return;
    }
    if (at - behind.since < LOOK_INTERVAL) return;
    // A log that was made anew is empty until somebody writes: first an entry, and only when that does not come another reader.
    if (behind.isAsked) this.log.reader.restart();
    else this.mark();
    this.behind = { since: at, applied, isAsked: true };
  }
}
