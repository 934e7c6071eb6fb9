import { LiveFigures, type Figures } from '../../../src/application/observation/live-figures';
import { feedOf } from '../../../src/interface/http/live-feed';
import { FakeClock } from '../../support/fake-clock';
import { RecordingMetrics } from '../../support/recording-metrics';

describe('the live figures', () => {
  let clock: FakeClock;
  let metrics: RecordingMetrics;
  let figures: LiveFigures;
  beforeEach(() => {
    jest.useFakeTimers({ doNotFake: ['nextTick'] });
    clock = new FakeClock();
    metrics = new RecordingMetrics();
    figures = new LiveFigures(metrics, clock);
    figures.observe({ connections: () => 7 });
  });
  afterEach(() => jest.useRealTimers());

  function pass(seconds: number): void {
    for (let i = 0; i < seconds; i += 1) {
      clock.advance(1000);
      jest.advanceTimersByTime(1000);
    }
  }

  it('are rates of the second that has passed, totals since the start, and what was observed', () => {
    metrics.count('entriesRead', 1000);
    metrics.count('framesDelivered', 500);
    const seen: Figures[] = [];
    figures.watch((now) => seen.push(now));
    metrics.count('entriesRead', 12);
    metrics.count('entriesInternal', 2);
    metrics.count('framesDelivered', 30);
    metrics.count('upstreamAccepted', 4);
    metrics.count('gaps');
    pass(2);
    expect(seen).toEqual([
      {
        time: clock.now() - 1000,
        messagesPerSecond: 10,
        deliveriesPerSecond: 30,
        upstreamPerSecond: 4,
        framesDelivered: 530,
        gaps: 1,
        latency: null,
        connections: 7,
      },
      expect.objectContaining({ messagesPerSecond: 0, deliveriesPerSecond: 0, gaps: 1 }),
    ]);
  });

  it('are not replaced by a gauge of the same name', () => {
    figures.observe({ gaps: () => 99, connections: () => 7 });
    const seen: Figures[] = [];
    figures.watch((now) => seen.push(now));
    metrics.count('gaps');
    pass(1);
    expect(seen).toEqual([expect.objectContaining({ gaps: 1, connections: 7 })]);
  });

  it('divide by the time that has really passed', () => {
    const seen: Figures[] = [];
    figures.watch((now) => seen.push(now));
    metrics.count('framesDelivered', 100);
    clock.advance(4000);
    jest.advanceTimersByTime(1000);
    expect(seen[0]?.deliveriesPerSecond).toBe(25);
  });

  it('give percentiles of the latencies of this second only', () => {
    metrics.time('deliveryLatency', 9000);
    const seen: Figures[] = [];
    figures.watch((now) => seen.push(now));
    for (let ms = 1; ms <= 100; ms += 1) metrics.time('deliveryLatency', ms);
    pass(1);
    metrics.time('deliveryLatency', 0);
    metrics.time('deliveryLatency', 70_000);
    pass(1);
    expect(seen.map(({ latency }) => latency)).toEqual([
      { p50: 50, p90: 90, p99: 99 },
      { p50: 0, p90: 10_000, p99: 10_000 },
    ]);
  });

  it('are taken only while somebody watches, for all watchers at once', () => {
    let read = 0;
    figures.observe({ read: () => ++read });
    pass(3);
    const [one, two] = [jest.fn(), jest.fn()];
    const ends = [figures.watch(one), figures.watch(two)];
    pass(2);
    ends[0]?.();
    pass(1);
    ends[1]?.();
    pass(5);
    expect([read, one.mock.calls.length, two.mock.calls.length]).toEqual([3, 2, 3]);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('are not kept for a reader that is slow, and end with it', () => {
    const feed = feedOf(figures);
    feed.read();
    pass(500);
    expect(feed.readableLength).toBeGreaterThan(2000);
    expect(feed.readableLength).toBeLessThan(8192);
    feed.destroy();
    expect(jest.getTimerCount()).toBe(0);
  });
});
