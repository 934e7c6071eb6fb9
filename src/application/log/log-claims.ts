import type { Cursor } from '../../domain/log/cursor';
import type { Claim } from '../../domain/log/log-entry';
import { Refusal } from '../../domain/errors';
import type { Clock } from '../ports/clock';
import type { LogWriter } from '../ports/message-log';
import { GroupCommit } from './group-commit';
import type { LogFollower } from './log-follower';

interface Waiter {
  readonly resolve: (won: boolean) => void;
  readonly reject: (reason: Refusal) => void;
  readonly deadline: number;
}

/** Claims that travel as one log entry at most. */
const BATCH = 500;
/** Entries that wait for their confirm at a time, above which claims wait for each other. */
const EAGER = 1;

/**
 * Claims keys by way of the log, where the first one in its order wins. Group commit: the claims of one tick, and those that
 * come while an entry waits for its confirm, share an entry.
 */
export class LogClaims {
  private readonly waiting = new Map<string, Waiter[]>();
  private next: Claim[] = [];
  private readonly group = new GroupCommit(EAGER, () => {
    this.write();
  });

  constructor(
    private readonly writer: LogWriter,
    private readonly follower: LogFollower,
    private readonly clock: Clock,
    private readonly timeout: number,
  ) {
    follower.watch({
      claimRead: (key, claimant, won) => {
        this.settle(key, claimant, (waiter) => {
          waiter.resolve(won);
        });
      },
    });
  }

  /**
   * Resolves to true when the claimant owns the key. Rejects with a retryable Refusal when the log did not
   * answer in time; the claim may count all the same, and the same claimant may repeat it.
   */
  claim(key: string, claimant: string): Promise<boolean> {
    if (this.isTaken(key, claimant)) return Promise.resolve(false);
    return new Promise((resolve, reject) => {
      const waiter = { resolve, reject, deadline: this.clock.elapsed() + this.timeout };
      const id = idOf(key, claimant);
      const others = this.waiting.get(id);
      if (others === undefined) this.waiting.set(id, [waiter]);
      else others.push(waiter);
      this.next.push({ key, claimant });
      this.group.schedule();
    });
  }

  /** True when somebody else than the claimant owns the key, as far as this node has read. */
  isTaken(key: string, claimant: string): boolean {
    return this.follower.claims.isTaken(key, claimant);
  }

  /** How many claims are known. */
  get size(): number {
    return this.follower.claims.size;
  }

  /** How far back from `now`, in ms, claims are known. */
  memory(now: number): number {
    return this.follower.claims.memory(now);
  }

  /**
   * True when a claim that was logged behind this position may be forgotten: nobody can tell whether there was one. Of another log
   * than this one nothing is known.
   */
  hasForgotten(cursor: Cursor): boolean {
    const { claims, window } = this.follower;
    return claims.hasForgotten(cursor.offset) || window.gapAt(cursor)?.reason === 'OTHER_LOG';
  }

  /** Rejects what has waited too long; called by a shared timer. */
  sweep(): void {
    const now = this.clock.elapsed();
    for (const [id, waiters] of this.waiting) {
      if (waiters.some((waiter) => waiter.deadline > now)) continue;
      this.waiting.delete(id);
      for (const waiter of waiters)
        waiter.reject(new Refusal('UNKNOWN_OUTCOME', 'the log did not answer in time'));
    }
  }

  private write(): void {
    this.group.taken();
    const claims = this.next;
    this.next = [];
    for (let i = 0; i < claims.length; i += BATCH) this.append(claims.slice(i, i + BATCH));
  }

  private append(batch: readonly Claim[]): void {
    this.group.began();
    this.writer
      .append({ kind: 'claims', claims: batch })
      .catch((error: unknown) => {
        const refusal = error instanceof Refusal ? error : new Refusal('INTERNAL');
        for (const { key, claimant } of batch) {
          this.settle(key, claimant, (waiter) => {
            waiter.reject(refusal);
          });
        }
      })
      .finally(() => {
        this.group.ended();
      });
  }

  private settle(key: string, claimant: string, how: (waiter: Waiter) => void): void {
    const id = idOf(key, claimant);
    const waiters = this.waiting.get(id);
    if (waiters === undefined) return;
    this.waiting.delete(id);
    for (const waiter of waiters) how(waiter);
  }
}

function idOf(key: string, claimant: string): string {
  return `${claimant} ${key}`;
}
