import { randomFillSync } from 'node:crypto';

import { V7Generator } from 'uuidv7';

import { Clock } from '../../application/ports/clock';

/** Random numbers fetched at a time: by the eight, as the generator does itself, they cost more than the rest of an id. */
const POOL = 1024;

/** Where the two digits of each byte stand in the text of a UUID (RFC 9562 section 4). */
const PLACES = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];
const DIGITS = Buffer.from('0123456789abcdef');

/** The machine's clock and random source. */
export class SystemClock extends Clock {
  private readonly pool = new Uint32Array(POOL);
  private used = POOL;
  private readonly text = Buffer.alloc(36, '-');
  private readonly ids = new V7Generator({ nextUint32: () => this.nextUint32() });

  override now(): number {
    return Date.now();
  }

  override elapsed(): number {
    return performance.now();
  }

  /** Built in one buffer: the generator's own text is a rope of 24 strings that lives as long as the id. */
  override newId(): string {
    const { text } = this;
    const { bytes } = this.ids.generate();
    for (let i = 0; i < bytes.length; i += 1) {
      const byte = bytes[i] ?? 0;
      const place = PLACES[i] ?? 0;
      text[place] = DIGITS[byte >> 4] ?? 0;
      text[place + 1] = DIGITS[byte & 0xf] ?? 0;
    }
    return text.toString('latin1');
  }

  private nextUint32(): number {
    if (this.used === POOL) {
      randomFillSync(this.pool);
      this.used = 0;
    }
    return this.pool[this.used++] ?? 0;
  }
}
