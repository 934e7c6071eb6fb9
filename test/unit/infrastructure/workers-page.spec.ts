import { PrometheusMetrics } from '../../../src/infrastructure/observability/prometheus-metrics';
import {
  type Line,
  type ToPrimary,
  type ToWorker,
  WorkersPage,
} from '../../../src/infrastructure/observability/workers-page';

/** A worker's page and what it says to the primary. */
class Worker {
  readonly said: ToPrimary[] = [];
  readonly metrics = new PrometheusMetrics();
  readonly page: WorkersPage;
  private hear: (message: ToWorker) => void = () => undefined;

  constructor() {
    const line: Line = {
      send: (message) => this.said.push(message),
      onMessage: (listener) => (this.hear = listener),
    };
    this.page = new WorkersPage(this.metrics, line, 2);
  }

  tell(message: ToWorker): void {
    this.hear(message);
  }
}

describe('the metrics of workers', () => {
  it('add up counters, and show the least or the most of what is of one node', async () => {
    const [one, other] = [new Worker(), new Worker()];
    for (const [worker, value] of [
      [one, 3],
      [other, 5],
    ] as const) {
      worker.metrics.count('gaps', value);
      worker.metrics.time('deliveryLatency', value);
      worker.page.observe({ connections: () => value });
      worker.page.observe({ logOffset: () => value }, 'min');
      worker.page.observe({ windowBytes: () => value }, 'max');
    }
    const text = one.page.text();
    one.tell({ kind: 'asking', request: 1, others: 1, restarts: 4 });
    one.tell({ kind: 'answered', request: 1, page: await other.metrics.json() });
    const lines = (await text).split('\n');
    expect(lines).toContain('wirepost_gaps_total 8');
    expect(lines).toContain('wirepost_delivery_latency_seconds_count 2');
    expect(lines).toContain('wirepost_connections 8');
    expect(lines).toContain('wirepost_log_offset 3');
    expect(lines).toContain('wirepost_window_bytes 5');
    expect(lines).toContain('wirepost_workers 2');
    expect(lines).toContain('wirepost_worker_restarts_total 4');
  });

  it('come without a worker that does not answer, and say so', async () => {
    jest.useFakeTimers();
    const worker = new Worker();
    const text = worker.page.text();
    worker.tell({ kind: 'asking', request: 1, others: 1, restarts: 0 });
    jest.advanceTimersByTime(2000);
    jest.useRealTimers();
    const lines = (await text).split('\n');
    expect(lines).toContain('wirepost_workers 1');
    expect(lines).toContain('wirepost_workers_wanted 2');
  });
});
