import { Revocations, type Revocation } from '../../domain/connection/revocations';
import type { Identity } from '../../domain/connection/identity';
import { Cursor } from '../../domain/log/cursor';
import type { LogEntry } from '../../domain/log/log-entry';
import type { Followed, LogWatcher } from '../log/log-follower';
import { LogProbe } from '../log/log-probe';
import type { Clock } from '../ports/clock';
import type { LogListener, RevocationLog } from '../ports/message-log';

/** ms between two proofs that this node still reads what is revoked: there is hardly ever anything to read. */
const PROBE_INTERVAL = 60_000;
/** ms that a probe waits for its entry to come back. */
const TIMEOUT = 5000;

/**
 * The sessions that services have ended, by way of a log of their own that every node reads as far back as a session may
 * last: so a node that starts later, or was away, knows them as well.
 */
export class EndedSessions implements LogListener, Followed {
  /** Position of the last entry read. */
  applied: Cursor | undefined;
  private readonly revocations = new Revocations();
  private readonly listeners: ((revocation: Revocation) => void)[] = [];
  private readonly watchers: LogWatcher[] = [];
  private readonly probe: LogProbe;

  /** `sessionTtl`: ms that a session lasts at most. */
  constructor(
    private readonly log: RevocationLog,
    private readonly clock: Clock,
    private readonly sessionTtl: number,
  ) {
    const limits = { timeout: TIMEOUT, interval: PROBE_INTERVAL };
    this.probe = new LogProbe(log.writer, log.reader, this, clock, limits);
  }

  /** True once this node has read all that was revoked before it started. */
  get known(): boolean {
    return this.probe.hasCaughtUp;
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
    await this.log.reader.start(this.sessionTtl, this);
    this.probe.beat();
  }

  beat(): void {
    this.probe.beat();
    this.revocations.forgetBefore(this.clock.now() - this.sessionTtl);
  }

  stop(): Promise<void> {
    return this.log.reader.stop();
  }

  watch(watcher: LogWatcher): void {
    this.watchers.push(watcher);
  }

  entry(entry: LogEntry): void {
    this.applied = new Cursor(entry.offset, entry.timestamp);
    if (entry.kind === 'probe') for (const watcher of this.watchers) watcher.probeRead(entry.id);
    if (entry.kind !== 'revocation') return;
    this.revocations.enter(entry);
    for (const listener of this.listeners) listener(entry);
  }

  /** What retention has taken no token outlives. */
  lost(): void {
    // Nothing to forget.
  }

  /** What was known of the log before holds all the same. */
  reset(): void {
    this.applied = undefined;
  }
}
