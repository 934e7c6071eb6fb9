const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN = new Set([0x5b, 0x7b]);
const CLOSE = new Set([0x5d, 0x7d]);

/**
 * True when JSON text opens more than `limit` arrays and objects within each other. Asked before parsing,
 * since what can be parsed deep cannot always be serialised again without exhausting the stack.
 */
export function isDeeperThan(limit: number, text: string): boolean {
  let depth = 0;
  for (let i = 0; i < text.length; i += 1) {
    const c = text.charCodeAt(i);
    if (c === QUOTE) i = endOfString(text, i);
    else if (OPEN.has(c)) {
      depth += 1;
      if (depth > limit) return true;
    } else if (CLOSE.has(c)) depth -= 1;
  }
  return false;
}

/** Index of the quote that ends the string which starts at `start`; the text's end when there is none. */
function endOfString(text: string, start: number): number {
  for (let i = start + 1; i < text.length; i += 1) {
    const c = text.charCodeAt(i);
    if (c === BACKSLASH) i += 1;
    else if (c === QUOTE) return i;
  }
  return text.length;
}
