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

/** Offsets in a row: those listed, and behind them a part of the log whose messages are not. */
interface Row {
  listed: number[];
  unlisted: { after: number; upTo: number } | undefined;
}

/** The messages that ask for a receipt and that a connection was sent as one identity, until it has acknowledged them. */
export class Wishes {
  /** What was sent on connections before this one, and on this one. */
  private former: Row | undefined;
  private readonly own: Row = { listed: [], unlisted: undefined };
  private acknowledged = -1;
  /**
   * Time of the last acknowledgement, ms since epoch. An unlisted message that had expired by then may never have been
   * sent, so it gets no receipt.
   */
  private at = 0;

  constructor(readonly as: Subscription) {}

  get isEmpty(): boolean {
    return isEmpty(this.own) && (this.former === undefined || isEmpty(this.former));
  }

  /** The connection was sent the message at an offset, above those before. */
  add(offset: number): void {
    const { own } = this;
    const last = own.listed.at(-1);
    if (own.unlisted !== undefined) own.unlisted.upTo = offset;
    else if (last === undefined || own.listed.length < MOST) own.listed.push(offset);
    else own.unlisted = { after: last, upTo: offset };
  }

  /** Entries after `after` up to `upTo` were sent on an earlier connection; this one is sent what follows. */
  inherit(after: number, upTo: number): void {
    this.former = { listed: [], unlisted: { after, upTo } };
  }

  /** Everything up to an offset is acknowledged, `now` in ms since epoch; true when one may be due by that. */
  acknowledge(upTo: number, now: number): boolean {
    this.acknowledged = Math.max(this.acknowledged, upTo);
    this.at = now;
    const { listed, unlisted } = this.first;
    const [first] = listed;
    if (first !== undefined) return first <= this.acknowledged;
    return unlisted !== undefined && unlisted.after < this.acknowledged;
  }

  /** Takes the oldest due offset off the list; undefined when none is due. */
  next(window: Window, budget: Budget): number | undefined {
    for (;;) {
      const row = this.first;
      const [first] = row.listed;
      if (first !== undefined) return first <= this.acknowledged ? row.listed.shift() : undefined;
      if (row.unlisted === undefined || row.unlisted.after >= this.acknowledged) return undefined;
      this.look(row, row.unlisted, window, budget);
    }
  }

  /** There is nothing more to wait for. */
  drop(): void {
    this.former = undefined;
    this.own.listed = [];
    this.own.unlisted = undefined;
  }

  private get first(): Row {
    if (this.former !== undefined && isEmpty(this.former)) this.former = undefined;
    return this.former ?? this.own;
  }

  private look(
    row: Row,
    part: { after: number; readonly upTo: number },
    window: Window,
    budget: Budget,
  ): void {
    const { offsets, upTo, looked } = window.wishes(this.as, part.after, this.at, MOST);
    budget.left -= looked / LOOKS;
    row.listed = offsets.filter((offset) => offset <= part.upTo);
    if (upTo < part.upTo && upTo > part.after) part.after = upTo;
    else row.unlisted = undefined;
  }
}

function isEmpty({ listed, unlisted }: Row): boolean {
  return listed.length === 0 && unlisted === undefined;
}
