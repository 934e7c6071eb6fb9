import type { NewFrame } from '../../domain/log/segment';

/** The writing end of one client's socket. */
export interface ClientChannel {
  /** Writes framed bytes in one go; never blocks and never throws. */
  write(chunks: readonly Uint8Array[]): void;
  /** Bytes written that the kernel has not taken yet. */
  readonly buffered: number;
}

/** Wraps JSON text into the frame that clients get, so that it is built once for all of them. */
export abstract class FrameEncoder {
  /**
   * The frame whose text is an object, in UTF-8 with its closing brace last, that ends otherwise: with `ending`, ASCII texts
   * laid side by side, in place of that brace.
   */
  abstract encode(object: Uint8Array, ending: readonly string[]): NewFrame;
  /** The text of a whole frame. */
  abstract text(frame: Uint8Array): string;
}
