/** The writing end of one client's socket. */
export interface ClientChannel {
  /** Writes framed bytes in one go; never blocks and never throws. */
  write(chunks: readonly Uint8Array[]): void;
  /** Bytes written that the kernel has not taken yet. */
  readonly buffered: number;
}

/** Wraps JSON text into the frame that clients get, so that it is built once for all of them. */
export abstract class FrameEncoder {
  /** `parts` laid side by side are the text; the result laid side by side is the frame. */
  abstract encode(parts: readonly Uint8Array[]): readonly Uint8Array[];
  /** The text of a whole frame. */
  abstract text(frame: Uint8Array): string;
}
