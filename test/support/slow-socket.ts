import { Duplex } from 'node:stream';

/** A socket whose peer takes what is written when the test says so. */
export class SlowSocket extends Duplex {
  private taken = 0;
  private readonly waiting: (() => void)[] = [];

  constructor() {
    super({ highWaterMark: 100 });
  }

  /** As that of a TCP socket: what waits is counted. */
  get bytesWritten(): number {
    return this.taken + this.writableLength;
  }

  override _write(chunk: Uint8Array, _encoding: string, done: () => void): void {
    this.waiting.push(() => {
      this.taken += chunk.length;
      done();
    });
  }

  /** The peer takes one chunk. */
  takeOne(): void {
    this.waiting.shift()?.();
  }

  takeAll(): void {
    while (this.writableLength > 0) this.takeOne();
  }
}
