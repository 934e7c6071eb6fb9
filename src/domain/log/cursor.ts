import { formatCursor, parseCursor } from '../../protocol/cursor';
import { Refusal } from '../errors';

/** A position in the log: everything up to and including `offset` was seen; -1 is before the first entry. */
export class Cursor {
  constructor(
    readonly offset: number,
    /** What the entry at `offset` carries; tells one log from another. */
    readonly timestamp: number,
  ) {}

  /**
   * Throws BAD_CURSOR for anything but `<offset>-<timestamp>`. `0-0` is before the first entry, as `toString` writes it:
   * who has seen an entry at 0 that carries no time gets it once more, rather than never.
   */
  static parse(text: string): Cursor {
    const parts = parseCursor(text);
    if (parts === undefined)
      throw new Refusal('BAD_CURSOR', 'cursor must be <offset>-<timestamp>', 'cursor');
    const isBeforeAll = parts.offset === 0 && parts.timestamp === 0;
    return new Cursor(isBeforeAll ? -1 : parts.offset, parts.timestamp);
  }

  toString(): string {
    return formatCursor(Math.max(this.offset, 0), this.timestamp);
  }
}
