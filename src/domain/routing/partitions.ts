import type { Audience } from './audience';

const POLYNOMIAL = 0xedb88320;
const MAX_ASCII = 0x7f;
const encoder = new TextEncoder();
const table = Int32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
  return crc;
});

/** CRC-32 (ISO 3309) of a text in UTF-8: what `java.util.zip.CRC32`, `zlib.crc32` and their like compute. */
export function crc32(text: string): number {
  let crc = -1;
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    // Making an array of bytes takes ten times as long as the sum, and almost every name is ASCII.
    if (code > MAX_ASCII) return crc32OfBytes(encoder.encode(text));
    crc = step(crc, code);
  }
  return ~crc >>> 0;
}

function crc32OfBytes(bytes: Uint8Array): number {
  let crc = -1;
  for (const byte of bytes) crc = step(crc, byte);
  return ~crc >>> 0;
}

function step(crc: number, byte: number): number {
  return (table[(crc ^ byte) & 0xff] ?? 0) ^ (crc >>> 8);
}

/**
 * How users are spread over the partitions of the log: `crc32(uniqueId) mod count`, for good, so that publishers in
 * any language can compute it. A message to one user is in that user's partition; one to many is in each.
 */
export class Partitions {
  /** `own`: the partition that this node reads, counted from 0. */
  constructor(
    readonly count: number,
    readonly own: number,
  ) {}

  /** The one log that everything is in. */
  static readonly NONE = new Partitions(1, 0);

  /** Tells a partition from those of another number of partitions; undefined when there is only one. */
  nameOf(partition: number): string | undefined {
    return this.count === 1 ? undefined : `${String(this.count)}.${String(partition)}`;
  }

  of(uniqueId: string): number {
    return this.count === 1 ? 0 : crc32(uniqueId) % this.count;
  }

  /** The partition that has a message for this audience; undefined when each has a copy. */
  ofAudience(audience: Audience): number | undefined {
    if (this.count === 1) return 0;
    if (audience.kind !== 'unicast') return undefined;
    // What is for nobody is a note of this node to the others of its partition.
    return audience.uniqueId === '' ? this.own : this.of(audience.uniqueId);
  }

  /** False when nobody on this node can be meant. */
  concerns(audience: Audience): boolean {
    return (this.ofAudience(audience) ?? this.own) === this.own;
  }
}
