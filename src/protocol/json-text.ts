const QUOTE = 0x22;
const BACKSLASH = 0x5c;
/** Brackets and braces differ in one bit only. */
const BIT = 0x20;
const OPEN = 0x7b;
const CLOSE = 0x7d;
const OPENING = ['{', '['] as const;

/**
 * True when JSON text opens more than `limit` arrays and objects within each other. Asked before parsing,
 * since what can be parsed deep cannot always be serialised again without exhausting the stack.
 */
export function isDeeperThan(limit: number, text: string): boolean {
  if (!opensMoreThan(limit, text)) return false;
  let depth = 0;
  for (let i = 0; i < text.length; i += 1) {
    const c = text.charCodeAt(i);
    if (c === QUOTE) i = endOfString(text, i);
    else if ((c | BIT) === OPEN) {
      depth += 1;
      if (depth > limit) return true;
    } else if ((c | BIT) === CLOSE) depth -= 1;
  }
  return false;
}

/** True when there are more than `limit` opening brackets and braces, in strings or not: few texts have as many. */
function opensMoreThan(limit: number, text: string): boolean {
  let count = 0;
  for (const opening of OPENING) {
    for (let i = text.indexOf(opening); i !== -1; i = text.indexOf(opening, i + 1)) {
      count += 1;
      if (count > limit) return true;
    }
  }
  return false;
}

/** Index of the quote that ends the string which starts at `start`; the text's end when there is none. */
function endOfString(text: string, start: number): number {
  for (let i = text.indexOf('"', start + 1); i !== -1; i = text.indexOf('"', i + 1)) {
    let backslashes = 0;
    while (text.charCodeAt(i - 1 - backslashes) === BACKSLASH) backslashes += 1;
    if (backslashes % 2 === 0) return i;
  }
  return text.length;
}
