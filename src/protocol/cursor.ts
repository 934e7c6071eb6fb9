/** A cursor as text: `<offset>-<timestamp>`, both decimal; the pair names one entry of one log. */
const TEXT = /^(0|[1-9]\d{0,15})-(0|[1-9]\d{0,15})$/;

export interface CursorParts {
  /** Position in the log, 0 for its first entry. */
  readonly offset: number;
  /** Milliseconds that the entry itself carries; 0 when it carries none. */
  readonly timestamp: number;
}

/** Writes a cursor as the text that clients keep. */
export function formatCursor(offset: number, timestamp: number): string {
  return `${String(offset)}-${String(timestamp)}`;
}

/** Reads a cursor's text; undefined for anything else (`-1`, `1e9`, numbers past 2^53). */
export function parseCursor(text: string): CursorParts | undefined {
  const match = TEXT.exec(text);
  if (match === null) return undefined;
  const offset = Number(match[1]);
  const timestamp = Number(match[2]);
  if (!Number.isSafeInteger(offset) || !Number.isSafeInteger(timestamp)) return undefined;
  return { offset, timestamp };
}

/** The position before the first entry of a log, as text. */
export const BEGINNING = formatCursor(0, 0);

/** True when an entry at `cursor` comes after the position `position`; both of the same log. */
export function isAfter(cursor: CursorParts, position: CursorParts): boolean {
  return (
    cursor.offset > position.offset ||
    // `0-0` is the beginning, and so before the entry at offset 0.
    (cursor.offset === 0 && position.offset === 0 && position.timestamp === 0)
  );
}
