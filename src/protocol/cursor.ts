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
