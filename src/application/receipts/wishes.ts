import type { Window } from '../../domain/log/window';
import type { Subscription } from '../../domain/routing/audience';

/** Offsets that are listed for a connection; what it was sent besides is looked for in the window when it comes to that. */
const MOST = 256;
/** Entries that are passed in the window at the price of one receipt. */
const LOOKS = 32;

/** What may be done in one turn of the event loop, in receipts. */
export interface Budget {
  left: number;
}

/** The messages that ask for a receipt and that a connection was sent as one identity, until it has acknowledged them. */
export class Wishes {
  /** Growing. */
  private listed: number[] = [];
  /** A part of the log behind what is listed, whose messages are not. */
  private unlisted: { after: number; upTo: number } | undefined;
  private acknowledged = -1;

  constructor(readonly as: Subscription) {}

  /** The connection was sent the message at an offset, above those before. */
  add(offset: number): void {
    const last = this.listed.at(-1);
    if (this.unlisted !== undefined) this.unlisted.upTo = offset;
    else if (last === undefined || this.listed.length < MOST) this.listed.push(offset);
    else this.unlisted = { after: last, upTo: offset };
  }

  /** What lies behind `after`, up to `upTo`, was sent on a connection before this one. */
  inherit(after: number, upTo: number): void {
    if (after < upTo) this.unlisted = { after, upTo };
  }

  /** Everything up to an offset is acknowledged; true when one may be due by that. */
  acknowledge(upTo: number): boolean {
    this.acknowledged = Math.max(this.acknowledged, upTo);
    const [first] = this.listed;
    if (first !== undefined) return first <= this.acknowledged;
    return this.unlisted !== undefined && this.unlisted.after < this.acknowledged;
  }

  /** The offset of the oldest one that is due, which is not due any more; `now` in ms since epoch. */
  next(window: Window, now: number, budget: Budget): number | undefined {
    for (;;) {
      const [first] = this.listed;
      if (first !== undefined) return first <= this.acknowledged ? this.listed.shift() : undefined;
      if (this.unlisted === undefined || this.unlisted.after >= this.acknowledged) return undefined;
      this.look(this.unlisted, window, now, budget);
    }
  }

  /** There is nothing more to wait for. */
  drop(): void {
    this.listed = [];
    this.unlisted = undefined;
  }

  /** What has expired by now may not have been sent. */
  private look(
    part: { after: number; readonly upTo: number },
    window: Window,
    now: number,
    budget: Budget,
  ): void {
    const { offsets, upTo, looked } = window.wishes(this.as, part.after, now, MOST);
    budget.left -= looked / LOOKS;
    this.listed = offsets.filter((offset) => offset <= part.upTo);
    if (upTo < part.upTo && upTo > part.after) part.after = upTo;
    else this.unlisted = undefined;
  }
}
