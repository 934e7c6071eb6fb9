import { FrameEncoder } from '../../application/ports/client-channel';

const FIN_TEXT = 0x81;

/** Header of an unmasked, unfragmented text frame (RFC 6455 section 5.2) for a payload of `length` bytes. */
function header(length: number): Uint8Array {
  if (length < 126) return Uint8Array.of(FIN_TEXT, length);
  if (length < 65_536) return Uint8Array.of(FIN_TEXT, 126, length >>> 8, length & 0xff);
  const bytes = Buffer.alloc(10);
  bytes[0] = FIN_TEXT;
  bytes[1] = 127;
  bytes.writeBigUInt64BE(BigInt(length), 2);
  return bytes;
}

/** Builds WebSocket text frames, once for all receivers. */
export class TextFrameEncoder extends FrameEncoder {
  override encode(parts: readonly Uint8Array[]): readonly Uint8Array[] {
    let length = 0;
    for (const part of parts) length += part.length;
    return [header(length), ...parts];
  }
}

/** A whole text frame of some text. */
export function textFrame(text: string): Buffer {
  const length = Buffer.byteLength(text);
  const head = header(length);
  const frame = Buffer.allocUnsafe(head.length + length);
  frame.set(head);
  frame.write(text, head.length);
  return frame;
}

/** A ping without payload (RFC 6455 section 5.5.2), the same for every connection. */
export const PING_FRAME = Buffer.of(0x89, 0);
