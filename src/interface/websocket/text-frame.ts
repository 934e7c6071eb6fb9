import { FrameEncoder } from '../../application/ports/client-channel';
import type { NewFrame } from '../../domain/log/segment';

const FIN_TEXT = 0x81;
/** Bytes of the brace that ends an object. */
const CLOSING_BRACE = 1;
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

/** Writes the header of a text frame at `at`, and returns where its payload begins. */
function writeHeader(memory: Uint8Array, at: number, length: number): number {
  memory[at] = FIN_TEXT;
  if (length < 126) {
    memory[at + 1] = length;
    return at + 2;
  }
  if (length < 65_536) {
    memory[at + 1] = 126;
    memory[at + 2] = length >>> 8;
    memory[at + 3] = length & 0xff;
    return at + 4;
  }
  memory[at + 1] = 127;
  new DataView(memory.buffer, memory.byteOffset).setBigUint64(at + 2, BigInt(length));
  return at + 10;
}

/**
 * An object's text with another ending, as a frame. It is written once, where it stays: pieces of it in memory of their own
 * took 0.3 µs more of each message.
 */
class EndedFrame implements NewFrame {
  readonly size: number;
  private readonly length: number;

  constructor(
    private readonly object: Uint8Array,
    private readonly ending: readonly string[],
  ) {
    let length = object.length - CLOSING_BRACE;
    for (const text of ending) length += text.length;
    this.length = length;
    this.size = headerSize(length) + length;
  }

  write(memory: Uint8Array, at: number): void {
    const start = writeHeader(memory, at, this.length);
    memory.set(this.object, start);
    let end = start + this.object.length - CLOSING_BRACE;
    for (const text of this.ending) {
      for (let i = 0; i < text.length; i += 1) memory[end + i] = text.charCodeAt(i);
      end += text.length;
    }
  }
}

/** Builds WebSocket text frames, once for all receivers. */
export class TextFrameEncoder extends FrameEncoder {
  override encode(object: Uint8Array, ending: readonly string[]): NewFrame {
    return new EndedFrame(object, ending);
  }

  override text(frame: Uint8Array): string {
    // A copy: what is decoded must not be shared memory.
    return decoder.decode(frame.slice(startOf(frame)));
  }
}

/** A whole text frame of some text. */
export function textFrame(text: string): Buffer {
  const length = Buffer.byteLength(text);
  const frame = Buffer.allocUnsafe(headerSize(length) + length);
  frame.write(text, writeHeader(frame, 0, length));
  return frame;
}

/** A ping without payload (RFC 6455 section 5.5.2), the same for every connection. */
export const PING_FRAME = Buffer.of(0x89, 0);
