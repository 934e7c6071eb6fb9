import type { FrameEncoder } from '../../src/application/ports/client-channel';

/** Frames without headers. */
export const BARE_FRAMES: FrameEncoder = {
  encode: (parts) => parts,
  text: (frame) => Buffer.from(frame).toString(),
};
