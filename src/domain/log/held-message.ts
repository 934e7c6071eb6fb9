import { Cursor } from './cursor';
import type { Segment } from './segment';

/** A message that is in the window. */
export interface HeldMessage {
  readonly id: string;
  readonly sender: string | undefined;
  /** Of a unicast; else empty. */
  readonly recipient: string;
  readonly cursor: Cursor;
  readonly expiresAt: number;
  /** True when it had expired when it came, so that nobody was sent it. */
  readonly isLate: boolean;
  /** True when it asks for a receipt that it is not known to have. */
  readonly wantsReceipt: boolean;
  readonly frame: Uint8Array;
}

/** An entry of a segment. */
export function held(segment: Segment, i: number): HeldMessage {
  return {
    id: segment.id(i),
    sender: segment.sender(i),
    recipient: segment.recipient(i),
    cursor: new Cursor(segment.offset(i), segment.timestamp(i)),
    expiresAt: segment.expiresAt(i),
    isLate: segment.isLate(i),
    wantsReceipt: segment.wantsReceipt(i),
    frame: segment.frames(i, i),
  };
}
