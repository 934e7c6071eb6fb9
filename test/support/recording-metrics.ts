import { type CounterName, Metrics } from '../../src/application/ports/metrics';

/** Counts in a map. */
export class RecordingMetrics extends Metrics {
  private readonly totals = new Map<CounterName, number>();

  override count(name: CounterName, by = 1): void {
    this.totals.set(name, this.total(name) + by);
  }

  override total(name: CounterName): number {
    return this.totals.get(name) ?? 0;
  }
}
