import type { Clock } from '../ports/clock';
import type { CounterName, Gauges, Metrics } from '../ports/metrics';

/** ms between two figures. */
const INTERVAL = 1000;
const COUNTED = [
  'entriesRead',
  'entriesInternal',
  'framesDelivered',
  'upstreamAccepted',
] as const satisfies readonly CounterName[];

/** What a node did in the last second, and where it is. */
export interface Figures {
  /** ms since epoch. */
  readonly time: number;
  /** Messages that the log brought to this node. */
  readonly messagesPerSecond: number;
  /** Messages that this node wrote to sockets. */
  readonly deliveriesPerSecond: number;
  /** Messages of clients that were taken. */
  readonly upstreamPerSecond: number;
  /** Messages written, and gaps told, since the start. */
  readonly framesDelivered: number;
  readonly gaps: number;
  /** ms from logged to written; null when nothing was delivered in this second. */
  readonly latency: { readonly p50: number; readonly p90: number; readonly p99: number } | null;
  /** The gauges that were given, by name. */
  readonly [gauge: string]: unknown;
}

type Totals = Readonly<Record<(typeof COUNTED)[number], number>>;

/** Takes the figures of this node once a second, for as long as somebody watches. */
export class LiveFigures {
  private readonly watchers = new Set<(figures: Figures) => void>();
  private gauges: Gauges = {};
  private timer: ReturnType<typeof setInterval> | undefined;
  private since = 0;
  private totals: Totals;
  private times = new Uint32Array(0);

  constructor(
    private readonly metrics: Metrics,
    private readonly clock: Clock,
  ) {
    this.totals = this.count();
  }

  /** What is read each second beside the counters. */
  observe(gauges: Gauges): void {
    this.gauges = gauges;
  }

  get watched(): boolean {
    return this.watchers.size > 0;
  }

  /** Calls the watcher once a second; returns a function that ends it. */
  watch(watcher: (figures: Figures) => void): () => void {
    if (!this.watched) {
      this.begin();
      this.timer = setInterval(() => {
        this.take();
      }, INTERVAL);
    }
    this.watchers.add(watcher);
    return () => {
      this.watchers.delete(watcher);
      if (!this.watched) clearInterval(this.timer);
    };
  }

  private begin(): void {
    this.since = this.clock.elapsed();
    this.totals = this.count();
    this.times = this.metrics.times('deliveryLatency').slice();
  }

  private take(): void {
    const { since, totals, times } = this;
    this.begin();
    const seconds = (this.since - since) / 1000;
    if (seconds <= 0) return;
    const rate = (name: keyof Totals): number => (this.totals[name] - totals[name]) / seconds;
    const figures: Figures = {
      // First, so that no gauge takes the place of a figure.
      ...Object.fromEntries(Object.entries(this.gauges).map(([name, read]) => [name, read()])),
      time: this.clock.now(),
      messagesPerSecond: rounded(rate('entriesRead') - rate('entriesInternal')),
      deliveriesPerSecond: rounded(rate('framesDelivered')),
      upstreamPerSecond: rounded(rate('upstreamAccepted')),
      framesDelivered: this.totals.framesDelivered,
      gaps: this.metrics.total('gaps'),
      latency: percentiles(this.times.map((count, ms) => count - (times[ms] ?? 0))),
    };
    for (const watcher of this.watchers) watcher(figures);
  }

  private count(): Totals {
    const totals = COUNTED.map((name) => [name, this.metrics.total(name)]);
    return Object.fromEntries(totals) as Totals;
  }
}

function rounded(rate: number): number {
  return Math.round(rate * 10) / 10;
}

/** By nearest rank; `counts[ms]` says how often it took `ms`. */
function percentiles(counts: Uint32Array): Figures['latency'] {
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total === 0) return null;
  const of = (share: number): number => {
    let left = Math.ceil(total * share);
    return counts.findIndex((count) => (left -= count) <= 0);
  };
  return { p50: of(0.5), p90: of(0.9), p99: of(0.99) };
}
