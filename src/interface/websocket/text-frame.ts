import { FrameEncoder } from '../../application/ports/client-channel';

const FIN_TEXT = 0x81;
const decoder = new TextDecoder();

/** Bytes of the header of an unmasked, unfragmented frame with a payload of `length` bytes (RFC 6455 section 5.2). */
function headerSize(length: number): number {
  if (length < 126) return 2;
  return length < 65_536 ? 4 : 10;
}

/** Where the payload of such a frame begins. */
function startOf(frame: Uint8Array): number {
  const length = frame[1] ?? 0;
  if (length < 126) return 2;
  return length === 126 ? 4 : 10;
}

/** Writes the header of a text frame at the beginning of `frame`. */
function writeHeader(frame: Uint8Array, length: number): void {
  frame[0] = FIN_TEXT;
  if (length < 126) frame[1] = length;
  else if (length < 65_536) {
    frame[1] = 126;
    frame[2] = length >>> 8;
    frame[3] = length & 0xff;
  } else {
    frame[1] = 127;
    new DataView(frame.buffer, frame.byteOffset).setBigUint64(2, BigInt(length));
  }
}

/** Builds WebSocket text frames, once for all receivers. */
export class TextFrameEncoder extends FrameEncoder {
  override encode(parts: readonly Uint8Array[]): readonly Uint8Array[] {
    let length = 0;
    for (const part of parts) length += part.length;
    // Not a Buffer: an array as small as that has no memory outside of the heap.
    const header = new Uint8Array(headerSize(length));
    writeHeader(header, length);
    return [header, ...parts];
  }

  override text(frame: Uint8Array): string {
    // A copy: what is decoded must not be shared memory.
    return decoder.decode(frame.slice(startOf(frame)));
  }
}

/** A whole text frame of some text. */
export function textFrame(text: string): Buffer {
  const length = Buffer.byteLength(text);
  const start = headerSize(length);
  const frame = Buffer.allocUnsafe(start + length);
  writeHeader(frame, length);
  frame.write(text, start);
  return frame;
}

/** A ping without payload (RFC 6455 section 5.5.2), the same for every connection. */
export const PING_FRAME = Buffer.of(0x89, 0);
