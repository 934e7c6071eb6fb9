import { isUtf8 } from 'node:buffer';

import { Refusal } from '../domain/errors';
import { isDeeperThan } from '../protocol/json-text';
import { LIMITS } from '../protocol/unified-body';

/** Reads JSON text from bytes; throws a Refusal also for what is not UTF-8 (RFC 8259, 8.1). */
export function readJson(bytes: Buffer): unknown {
  if (!isUtf8(bytes)) throw new Refusal('BAD_JSON', 'the text is not UTF-8');
  return parseJson(bytes.toString());
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
