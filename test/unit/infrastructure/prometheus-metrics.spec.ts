import perfHooks from 'node:perf_hooks';

import { PrometheusMetrics } from '../../../src/infrastructure/observability/prometheus-metrics';

describe('the metrics of the process', () => {
  it('show what has never been counted as 0', async () => {
    const text = await new PrometheusMetrics().text();
    for (const name of ['log_resets', 'log_holes', 'entries_invalid', 'handler_rejected'])
      expect(text).toContain(`\nwirepost_${name}_total 0\n`);
  });

  it('wake an idle process ten times a second at most, and tell the lag of its loop all the same', async () => {
    const monitor = jest.spyOn(perfHooks, 'monitorEventLoopDelay');
    const metrics = new PrometheusMetrics();
    expect(monitor.mock.calls).toEqual([[{ resolution: 100 }]]);
    expect(await metrics.text()).toContain('nodejs_eventloop_lag_p99_seconds');
    monitor.mockRestore();
  });
});
