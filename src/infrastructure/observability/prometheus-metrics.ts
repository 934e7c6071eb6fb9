import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

import {
  type CounterName,
  COUNTERS,
  type Gauges,
  LONGEST,
  Metrics,
  type MetricsPage,
  type TimingName,
  type Together,
} from '../../application/ports/metrics';

/** A page as it goes from one process to another. */
export type MetricsJson = Awaited<ReturnType<Registry['getMetricsAsJSON']>>;

interface Timing {
  readonly counts: Uint32Array;
  readonly histogram: Histogram;
}

/** Upper bounds of a histogram's buckets, s. */
const BUCKETS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10];

/**
 * ms between two looks at the lag of the event loop. With the 10 ms that prom-client takes, an idle process spends
 * most of its time on waking up for them.
 */
const LOOP_PERIOD = 100;

/** Counters and histograms by name, and gauges read at scrape time, in Prometheus' text format. */
export class PrometheusMetrics extends Metrics implements MetricsPage {
  private readonly registry = new Registry();
  /** All of them from the start: no alarm sees how a series that was not there begins with 1. */
  private readonly counters: ReadonlyMap<CounterName, Counter>;
  private readonly totals = new Map<CounterName, number>();

  private readonly timings: Readonly<Record<TimingName, Timing>>;

  constructor() {
    super();
    collectDefaultMetrics({ register: this.registry, eventLoopMonitoringPrecision: LOOP_PERIOD });
    this.counters = new Map(COUNTERS.map((name) => [name, this.makeCounter(name)]));
    this.timings = { deliveryLatency: this.makeTiming('deliveryLatency') };
  }

  override count(name: CounterName, by = 1): void {
    // Added up here and given to the exporter at scrape time: this is called for every frame.
    this.totals.set(name, (this.totals.get(name) ?? 0) + by);
  }

  /** How often something was counted since the start. */
  override total(name: CounterName): number {
    return this.totals.get(name) ?? 0;
  }

  override time(name: TimingName, ms: number): void {
    const { counts, histogram } = this.timings[name];
    const slot = Math.min(LONGEST, Math.floor(ms));
    counts[slot] = (counts[slot] ?? 0) + 1;
    histogram.observe(ms / 1000);
  }

  override times(name: TimingName): Uint32Array {
    return this.timings[name].counts;
  }

  observe(gauges: Gauges, together: Together = 'sum'): void {
    for (const [name, read] of Object.entries(gauges)) {
      new Gauge({
        name: `wirepost_${snake(name)}`,
        help: words(name),
        aggregator: together,
        registers: [this.registry],
        collect() {
          this.set(read());
        },
      });
    }
  }

  get contentType(): string {
    return this.registry.contentType;
  }

  text(): Promise<string> {
    this.update();
    return this.registry.metrics();
  }

  /** What the page says, for another process to add to its own. */
  json(): Promise<MetricsJson> {
    this.update();
    return this.registry.getMetricsAsJSON();
  }

  private update(): void {
    for (const [name, counter] of this.counters) {
      counter.reset();
      counter.inc(this.total(name));
    }
  }

  private makeTiming(name: TimingName): Timing {
    const histogram = new Histogram({
      name: `wirepost_${snake(name)}_seconds`,
      help: words(name),
      buckets: BUCKETS,
      registers: [this.registry],
    });
    return { counts: new Uint32Array(LONGEST + 1), histogram };
  }

  private makeCounter(name: CounterName): Counter {
    return new Counter({
      name: `wirepost_${snake(name)}_total`,
      help: words(name),
      registers: [this.registry],
    });
  }
}

function snake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function words(name: string): string {
  return snake(name).replaceAll('_', ' ');
}
