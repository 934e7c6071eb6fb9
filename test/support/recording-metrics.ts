import { type CounterName, LONGEST, Metrics } from '../../src/application/ports/metrics';

/** Counts in a map. */
export class RecordingMetrics extends Metrics {
  private readonly totals = new Map<CounterName, number>();

  private readonly latencies = new Uint32Array(LONGEST + 1);

  override count(name: CounterName, by = 1): void {
    this.totals.set(name, this.total(name) + by);
  }

  override total(name: CounterName): number {
    return this.totals.get(name) ?? 0;
  }

  override time(_name: 'deliveryLatency', ms: number): void {
    const slot = Math.min(LONGEST, ms);
    this.latencies[slot] = (this.latencies[slot] ?? 0) + 1;
  }

  override times(): Uint32Array {
    return this.latencies;
  }
}
