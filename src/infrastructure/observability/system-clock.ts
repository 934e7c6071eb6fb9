import { uuidv7 } from 'uuidv7';

import { Clock } from '../../application/ports/clock';

/** The machine's clock and random source. */
export class SystemClock extends Clock {
  override now(): number {
    return Date.now();
  }

  override newId(): string {
    return uuidv7();
  }
}
