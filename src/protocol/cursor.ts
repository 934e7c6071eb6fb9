/** `<offset>-<timestamp>`; the offset of the second and later messages of one log entry has three more digits. */
const TEXT = /^((?:0|[1-9]\d{0,12})(?:\.\d{3})?)-(0|[1-9]\d{0,15})$/;
/** The offsets of one entry's messages differ by thousandths. */
const PARTS = 1000;
/** Messages that one log entry can hold: the last thousandth is the end of the entry. */
export const MAX_MEMBERS = PARTS - 1;
/** Up to here thousandths are told apart by a double. */
const MAX_OFFSET = 2 ** 42;

/** A cursor names one message of one log: the pair also tells a log that was made anew from the one before. */
export interface CursorParts {
  /** Position in the log, 0 for its first entry; see `positionOf`. Comparing positions is the order of the log. */
  readonly offset: number;
  /** Milliseconds that the entry itself carries; 0 when it carries none. */
  readonly timestamp: number;
}

/** The position of an entry's message, counted from 0: 7 is the first one of entry 7, 7.001 the second. */
export function positionOf(entry: number, member: number): number {
  // A quotient of integers, so that it is the very number that the text is read as.
  return member === 0 ? entry : (entry * PARTS + member) / PARTS;
}

/** The position that has all messages of an entry behind it; -1, before the first entry, is its own. */
export function endOfEntry(entry: number): number {
  return entry < 0 ? entry : positionOf(entry, MAX_MEMBERS);
}

/** Writes a cursor as the text that clients keep. */
export function formatCursor(offset: number, timestamp: number): string {
  const position = Number.isInteger(offset) ? String(offset) : offset.toFixed(3);
  return `${position}-${String(timestamp)}`;
}

/** Reads a cursor's text; undefined for anything else (`-1`, `1e9`, offsets past 2^42, times past 2^53). */
export function parseCursor(text: string): CursorParts | undefined {
  const match = TEXT.exec(text);
  if (match === null) return undefined;
  const offset = Number(match[1]);
  const timestamp = Number(match[2]);
  if (offset > MAX_OFFSET || !Number.isSafeInteger(timestamp)) return undefined;
  return { offset, timestamp };
}

/** The position before the first entry of a log, as text. */
export const BEGINNING = '0-0';

/** True when an entry at `cursor` comes after the position `position`; both of the same log. */
export function isAfter(cursor: CursorParts, position: CursorParts): boolean {
  return (
    cursor.offset > position.offset ||
    // `0-0` is the beginning, and so before the entry at offset 0.
    (cursor.offset === 0 && position.offset === 0 && position.timestamp === 0)
  );
}
