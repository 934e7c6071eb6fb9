import type { Clock } from '../../application/ports/clock';

const KIB = 1024;
/** Part of a second's frames that a client which has sent too many has open again when it is read on. */
const ROOM = 0.2;

/**
 * How many frames a client may send a second, and as many at once besides. Nothing is refused: what is beyond is read later, and TCP
 * tells the client to wait. The clock is read once in `limit` frames.
 */
export class FrameRate {
  /** Frames that the time since then has not made up for. */
  private debt = 0;
  private since: number;
  private timer: NodeJS.Timeout | undefined;

  /** `onChange` is called with true when a client has sent too many, with false when it may go on. */
  constructor(
    private readonly limit: number,
    private readonly clock: Clock,
    private readonly onChange: (exceeded: boolean) => void,
  ) {
    this.since = clock.elapsed();
  }

  get exceeded(): boolean {
    return this.timer !== undefined;
  }

  /** A frame came, of so many bytes: each KiB counts like another frame. */
  take(bytes: number): void {
    this.debt += 1 + bytes / KIB;
    if (this.debt < this.limit || this.exceeded) return;
    if (this.look()) this.onChange(true);
  }

  stop(): void {
    clearTimeout(this.timer);
  }

  /** True when it has sent too many. */
  private look(): boolean {
    const now = this.clock.elapsed();
    this.debt = Math.max(0, this.debt - ((now - this.since) * this.limit) / 1000);
    this.since = now;
    if (this.debt < this.limit) return false;
    const wait = (this.debt / this.limit - (1 - ROOM)) * 1000;
    this.timer = setTimeout(() => {
      this.timer = undefined;
      // Frames that had come with the last one may have come since.
      if (!this.look()) this.onChange(false);
    }, wait);
    return true;
  }
}
