import { randomFillSync } from 'node:crypto';

import { V7Generator } from 'uuidv7';

import { Clock } from '../../application/ports/clock';

/** Random numbers fetched at a time: by the eight, as the generator does itself, they cost more than the rest of an id. */
const POOL = 1024;

/** The machine's clock and random source. */
export class SystemClock extends Clock {
  private readonly pool = new Uint32Array(POOL);
  private used = POOL;
  private readonly ids = new V7Generator({ nextUint32: () => this.nextUint32() });

  override now(): number {
    return Date.now();
  }

  override newId(): string {
    return this.ids.generate().toString();
  }

  private nextUint32(): number {
    if (this.used === POOL) {
      randomFillSync(this.pool);
      this.used = 0;
    }
    return this.pool[this.used++] ?? 0;
  }
}
