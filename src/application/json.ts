import { Refusal } from '../domain/errors';
import { isDeeperThan } from '../protocol/json-text';
import { LIMITS } from '../protocol/unified-body';

/** What bytes that are not UTF-8 are read as, among other things; the character itself is valid, too. */
const REPLACEMENT = '\ufffd';
const strict = new TextDecoder('utf-8', { fatal: true });

/** Reads JSON text from bytes; throws a Refusal also for what is not UTF-8 (RFC 8259, 8.1). */
export function readJson(bytes: Buffer): unknown {
  const text = bytes.toString();
  // Asked only where it is in doubt, which nearly no text is.
  if (text.includes(REPLACEMENT) && !isUtf8(bytes))
    throw new Refusal('BAD_JSON', 'the text is not UTF-8');
  return parseJson(text);
}

/** Parses JSON text; throws a Refusal for text that is too deep or no JSON. */
export function parseJson(text: string): unknown {
  if (isDeeperThan(LIMITS.depth, text)) {
    throw new Refusal('TOO_DEEP', `nested more than ${String(LIMITS.depth)} deep`);
  }
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new Refusal('BAD_JSON', 'the text is not JSON');
  }
}

function isUtf8(bytes: Buffer): boolean {
  try {
    strict.decode(bytes);
    return true;
  } catch {
    return false;
  }
}
