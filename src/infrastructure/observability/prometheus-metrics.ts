import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client';

import {
  type CounterName,
  type Gauges,
  Metrics,
  type MetricsPage,
} from '../../application/ports/metrics';

/** Counters by name and gauges read at scrape time, in Prometheus' text format. */
export class PrometheusMetrics extends Metrics implements MetricsPage {
  private readonly registry = new Registry();
  private readonly counters = new Map<CounterName, Counter>();
  private readonly totals = new Map<CounterName, number>();

  constructor() {
    super();
    collectDefaultMetrics({ register: this.registry });
  }

  override count(name: CounterName, by = 1): void {
    // Added up here and given to the exporter at scrape time: this is called for every frame.
    this.totals.set(name, (this.totals.get(name) ?? 0) + by);
  }

  /** How often something was counted since the start. */
  override total(name: CounterName): number {
    return this.totals.get(name) ?? 0;
  }

  observe(gauges: Gauges): void {
    for (const [name, read] of Object.entries(gauges)) {
      new Gauge({
        name: `wirepost_${snake(name)}`,
        help: words(name),
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
    for (const [name, total] of this.totals) {
      const counter = this.counters.get(name) ?? this.makeCounter(name);
      counter.reset();
      counter.inc(total);
    }
    return this.registry.metrics();
  }

  private makeCounter(name: CounterName): Counter {
    const counter = new Counter({
      name: `wirepost_${snake(name)}_total`,
      help: words(name),
      registers: [this.registry],
    });
    this.counters.set(name, counter);
    return counter;
  }
}

function snake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function words(name: string): string {
  return snake(name).replaceAll('_', ' ');
}
