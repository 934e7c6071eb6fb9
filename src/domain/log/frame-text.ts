/**
 * Where a text stands in a frame: its distance in bytes from the frame's start times 1024, plus its length in bytes;
 * 0 = nowhere, or too far or too long to say.
 */
export type Place = number;

const MAX_LENGTH = 1023;
const MAX_DISTANCE = 2 ** 22 - 1;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const SPACE = 0x20;
const ASCII = 0x80;
const QUOTES = 2;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Finds a name as a JSON string between two indexes of `bytes`. */
export function findName(bytes: Uint8Array, start: number, end: number, name: string): Place {
  const written = writtenOf(name);
  const length = written === undefined ? name.length + QUOTES : written.length;
  if (length > MAX_LENGTH) return 0;
  const first = firstOf(name, written);
  for (let i = bytes.indexOf(QUOTE, start); i !== -1; i = bytes.indexOf(QUOTE, i + 1)) {
    if (i + length > end || i - start > MAX_DISTANCE) return 0;
    // Most quotes begin another text, which its first byte tells.
    if (bytes[i + 1] !== first) continue;
    if (isHere(bytes, i, name, written)) return (i - start) * 1024 + length;
  }
  return 0;
}

function isHere(
  bytes: Uint8Array,
  at: number,
  name: string,
  written: Uint8Array | undefined,
): boolean {
  if (written !== undefined) return isAt(bytes, at, written);
  return isNameAt(bytes, at, at + name.length + QUOTES, name);
}

/** The byte behind the quote. */
function firstOf(name: string, written: Uint8Array | undefined): number {
  if (name === '') return QUOTE;
  return written?.[1] ?? name.charCodeAt(0);
}

/** The name that the bytes from `start` up to `end` are as a JSON string in UTF-8. */
export function nameAt(bytes: Uint8Array, start: number, end: number): string {
  // A copy: what is decoded must not be shared memory.
  return JSON.parse(decoder.decode(bytes.slice(start, end))) as string;
}

/** True when the bytes from `start` up to `end` are the name as a JSON string in UTF-8. */
export function isNameAt(bytes: Uint8Array, start: number, end: number, name: string): boolean {
  const { length } = name;
  // Only names of plain characters are as long as that.
  if (end - start !== length + QUOTES) return isWrittenAt(bytes, start, end, name);
  if (bytes[start] !== QUOTE || bytes[end - 1] !== QUOTE) return false;
  for (let i = 0; i < length; i += 1) {
    const character = name.charCodeAt(i);
    if (bytes[start + 1 + i] !== character || !isPlain(character)) return false;
  }
  return true;
}

/** The same for names that JSON escapes, or that are not ASCII. */
function isWrittenAt(bytes: Uint8Array, start: number, end: number, name: string): boolean {
  const written = encoder.encode(JSON.stringify(name));
  return end - start === written.length && isAt(bytes, start, written);
}

function isAt(bytes: Uint8Array, start: number, part: Uint8Array): boolean {
  return part.every((byte, i) => bytes[start + i] === byte);
}

/** The name as a JSON string in UTF-8; undefined when that is its own characters between quotes. */
function writtenOf(name: string): Uint8Array | undefined {
  for (let i = 0; i < name.length; i += 1) {
    if (!isPlain(name.charCodeAt(i))) return encoder.encode(JSON.stringify(name));
  }
  return undefined;
}

/** True for what stands for itself in a JSON string, as one byte. */
function isPlain(character: number): boolean {
  return character >= SPACE && character < ASCII && character !== QUOTE && character !== BACKSLASH;
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
