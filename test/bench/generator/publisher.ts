import type { Published } from './commands';
import { Latencies } from './latencies';
import { microseconds } from './template';

/** Keeps account of messages that are sent in order and confirmed by number. */
export class Account {
  /** The first refusal; empty = none. */
  problem = '';
  sent = 0;
  confirmed = 0;
  readonly counts: number[];
  private readonly sentAt: Float64Array;
  private readonly latencies = new Latencies();
  private readonly start = microseconds();
  private endAt = 0;

  constructor(count: number, users: number) {
    this.sentAt = new Float64Array(count);
    this.counts = new Array<number>(users).fill(0);
  }

  get unanswered(): number {
    return this.sent - this.confirmed;
  }

  /** Notes a message for a random user, and returns both numbers. */
  next(now: number): { user: number; number: number } {
    const user = Math.floor(Math.random() * this.counts.length);
    this.counts[user] = (this.counts[user] ?? 0) + 1;
    const number = this.sent;
    this.sentAt[number] = now;
    this.sent += 1;
    return { user, number };
  }

  /** Message `number`, from 0, was confirmed; a second time counts for nothing. */
  confirm(number: number, now: number): void {
    const at = this.sentAt[number] ?? 0;
    if (at === 0) return;
    this.sentAt[number] = 0;
    this.confirmed += 1;
    this.latencies.add(now - at);
    this.endAt = now;
  }

  report(): Published {
    return {
      sent: this.sent,
      confirmed: this.confirmed,
      seconds: ((this.endAt || microseconds()) - this.start) / 1e6,
      counts: this.counts,
      problem: this.problem,
      spread: this.latencies.spread(),
    };
  }
}

/** Resolves when everything is confirmed, or nothing was for five seconds. */
export async function settled(account: Account): Promise<void> {
  let seen = -1;
  let changedAt = microseconds();
  while (account.unanswered > 0 && account.problem === '' && microseconds() - changedAt < 5e6) {
    if (account.confirmed !== seen) {
      seen = account.confirmed;
      changedAt = microseconds();
    }
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
