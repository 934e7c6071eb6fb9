import type { FrameEncoder } from '../../src/application/ports/client-channel';
import type { NewFrame } from '../../src/domain/log/segment';

/** Frames without headers. */
export const BARE_FRAMES: FrameEncoder = {
  encode: (object, ending) =>
    frameOf(Buffer.concat([object.subarray(0, -1), Buffer.from(ending.join(''))])),
  text: (frame) => Buffer.from(frame).toString(),
};

/** A frame of these bytes, or of a text's. */
export function frameOf(from: Uint8Array | string): NewFrame {
  const bytes = Buffer.from(from);
  return {
    size: bytes.length,
    write: (memory, at) => {
      memory.set(bytes, at);
    },
  };
}
