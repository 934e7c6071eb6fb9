/**
 * Where a text stands in a frame: its distance in bytes from the frame's start times 1024, plus its length in bytes;
 * 0 = nowhere, or too far or too long to say.
 */
export type Place = number;

const MAX_LENGTH = 1023;
const MAX_DISTANCE = 2 ** 22 - 1;
const QUOTE = 0x22;
const ASCII = 0x80;
const encoder = new TextEncoder();

/** A string as JSON text. */
export function jsonText(text: string): string {
  return JSON.stringify(text);
}

/** Finds JSON text that begins with a quote between two indexes of `bytes`. */
export function findText(bytes: Uint8Array, start: number, end: number, text: string): Place {
  const length = isAscii(text) ? text.length : encoder.encode(text).length;
  if (length > MAX_LENGTH) return 0;
  const second = text.charCodeAt(1);
  for (let i = bytes.indexOf(QUOTE, start); i !== -1; i = bytes.indexOf(QUOTE, i + 1)) {
    if (i + length > end || i - start > MAX_DISTANCE) return 0;
    // Most quotes begin another text, which its first character tells; beyond ASCII only the whole does.
    if (second < ASCII && bytes[i + 1] !== second) continue;
    if (isTextAt(bytes, i, i + length, text)) return (i - start) * 1024 + length;
  }
  return 0;
}

/** True when the bytes from `start` up to `end` are the text in UTF-8. */
export function isTextAt(bytes: Uint8Array, start: number, end: number, text: string): boolean {
  if (isAscii(text)) {
    if (end - start !== text.length) return false;
    for (let i = 0; i < text.length; i += 1) {
      if (bytes[start + i] !== text.charCodeAt(i)) return false;
    }
    return true;
  }
  const encoded = encoder.encode(text);
  return end - start === encoded.length && encoded.every((byte, i) => bytes[start + i] === byte);
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i += 1) if (text.charCodeAt(i) >= ASCII) return false;
  return true;
}

/** A 32-bit hash of two strings; `seed` keeps others from choosing what collides. */
export function hashOf(seed: number, text: string, also: string | undefined): number {
  let hash = mix(seed, text);
  if (also !== undefined) hash = mix(hash ^ 0x9e3779b9, also);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return (hash ^ (hash >>> 13)) >>> 0;
}

function mix(seed: number, text: string): number {
  let hash = seed;
  for (let i = 0; i < text.length; i += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x5bd1e995);
    hash ^= hash >>> 15;
  }
  return hash;
}
