import { Clock } from '../../src/application/ports/clock';

/** Time that passes only when a test says so. */
export class FakeClock extends Clock {
  private ids = 0;

  constructor(private time = 1_700_000_000_000) {
    super();
  }

  override now(): number {
    return this.time;
  }

  override newId(): string {
    return `id-${String(++this.ids)}`;
  }

  advance(ms: number): void {
    this.time += ms;
  }
}
