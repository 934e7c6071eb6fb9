import { Clock } from '../../src/application/ports/clock';

/** Time that passes only when a test says so. */
export class FakeClock extends Clock {
  private ids = 0;
  private passed = 1000;

  constructor(private time = 1_700_000_000_000) {
    super();
  }

  override now(): number {
    return this.time;
  }

  override elapsed(): number {
    return this.passed;
  }

  override newId(): string {
    return `id-${String(++this.ids)}`;
  }

  advance(ms: number): void {
    this.time += ms;
    this.passed += ms;
  }

  /** Corrects the clock; no time passes. */
  setBack(ms: number): void {
    this.time -= ms;
  }
}
