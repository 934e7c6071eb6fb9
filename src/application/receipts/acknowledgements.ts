import type { Received } from '../../domain/log/rest';
import type { Window } from '../../domain/log/window';
import type { Identity } from '../../domain/connection/identity';

/** Messages that are looked for at a time: what one client leaves unacknowledged takes no more memory than that. */
const MOST = 256;

/** A message that asks for a receipt, and as whom the client was sent it. */
export interface Wish {
  readonly offset: number;
  readonly as: Identity;
}

/** How far one connection has acknowledged, and which of the messages up to there still have to get their receipt. */
export class Acknowledgements {
  /** Offset up to which everything is acknowledged. */
  upTo = -1;
  /** ms since epoch: what expired before may not have been sent. */
  sentSince = Infinity;
  private found: Wish[] = [];
  private foundUpTo: number;

  /** `received`: as whom the connection is sent what, from which position on. */
  constructor(private received: readonly Received[]) {
    this.foundUpTo = Math.min(...received.map(({ after }) => after));
  }

  /** The connection was given another identity, which begins at `from`. */
  become(received: readonly Received[], from: number): void {
    this.received = received;
    this.upTo = Math.min(this.upTo, from);
    this.foundUpTo = Math.min(this.foundUpTo, from);
    this.found = [];
  }

  /** The oldest one that is acknowledged; the next call gives the next. */
  next({ window }: { readonly window: Window }): Wish | undefined {
    while (this.found.length === 0) if (!this.look(window)) return undefined;
    return (this.found[0]?.offset ?? Infinity) <= this.upTo ? this.found.shift() : undefined;
  }

  /** False when everything that is acknowledged was looked at. */
  private look(window: Window): boolean {
    const after = this.foundUpTo;
    if (after >= this.upTo) return false;
    let end = Infinity;
    const found: Wish[] = [];
    for (const part of this.received) {
      if (part.upTo <= after) continue;
      const { offsets, upTo } = window.wishes(part.as, Math.max(after, part.after), MOST);
      end = Math.min(end, upTo);
      for (const offset of offsets) if (offset <= part.upTo) found.push({ offset, as: part.as });
    }
    this.foundUpTo = end;
    this.found = found.filter(({ offset }) => offset <= end).sort((a, b) => a.offset - b.offset);
    return end > after && end < Infinity;
  }
}
