import { createHmac, type KeyObject, timingSafeEqual } from 'node:crypto';

/*
 * Tokens of one form only (RFC 7519, signed by HS256 of RFC 7518): a connection costs one to verify and one to sign,
 * and a library that is ready for every form takes several times as long before it is compiled.
 */

/** The header as jsonwebtoken writes it for HS256. */
const HEADER = `${Buffer.from('{"alg":"HS256","typ":"JWT"}').toString('base64url')}.`;

export function signed(payload: object, key: KeyObject): string {
  const text = HEADER + Buffer.from(JSON.stringify(payload)).toString('base64url');
  return `${text}.${signatureOf(text, key)}`;
}

/**
 * The payload of a token that has exactly the usual header and was signed with one of the keys; undefined for every
 * other token, about which this says nothing.
 */
export function signedPayload(token: string, keys: readonly KeyObject[]): unknown {
  if (!token.startsWith(HEADER)) return undefined;
  const end = token.indexOf('.', HEADER.length);
  if (end === -1) return undefined;
  const text = token.slice(0, end);
  const signature = token.slice(end + 1);
  if (!keys.some((key) => isSame(signature, signatureOf(text, key)))) return undefined;
  try {
    return JSON.parse(Buffer.from(text.slice(HEADER.length), 'base64url').toString());
  } catch {
    return undefined;
  }
}

function signatureOf(text: string, key: KeyObject): string {
  return createHmac('sha256', key).update(text).digest('base64url');
}

/** Compares, in constant time, signatures as they are written, so that each token has one form only. */
function isSame(one: string, other: string): boolean {
  return one.length === other.length && timingSafeEqual(Buffer.from(one), Buffer.from(other));
}
