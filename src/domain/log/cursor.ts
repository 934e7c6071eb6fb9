import { formatCursor, parseCursor } from '../../protocol/cursor';
import { Refusal } from '../errors';

/** A position in the log: everything up to and including `offset` was seen; -1 is before the first entry. */
export class Cursor {
  constructor(
    readonly offset: number,
    /** What the entry at `offset` carries; tells one log from another. */
    readonly timestamp: number,
  ) {}

  /** Throws BAD_CURSOR for anything but `<offset>-<timestamp>`. */
  static parse(text: string): Cursor {
    const parts = parseCursor(text);
    if (parts === undefined)
      throw new Refusal('BAD_CURSOR', 'cursor must be <offset>-<timestamp>', 'cursor');
    return new Cursor(parts.offset, parts.timestamp);
  }

  toString(): string {
    return formatCursor(Math.max(this.offset, 0), this.timestamp);
  }
}
