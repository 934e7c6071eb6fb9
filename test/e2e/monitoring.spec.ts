import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { parse } from 'yaml';

import { eventually } from '../support/eventually';
import { GatewayProcess } from '../support/gateway-process';
import { onSharedBroker } from '../support/shared-broker';
import { SERVICE_KEY, TestNode } from '../support/test-node';

/** What Prometheus adds to every sample of a target, and writes about the target itself. */
const TARGET_LABELS = ['instance', 'job'];
const OF_TARGETS = 'up';
/** Names in an expression that are no metric: functions and keywords. */
const WORDS = new Set(
  'and count histogram_quantile increase max max_over_time or rate sum vector'.split(' '),
);

/** Only with WORKERS. */
const OF_WORKERS = new Set(['WirepostWorkersDie', 'WirepostWorkersMissing']);
/** Metrics worth a look of which no amount is too much everywhere. */
const WITHOUT_RULE = [
  'wirepost_delivery_latency_seconds',
  'wirepost_sessions_ended_total',
  'wirepost_receipts_given_total',
  'wirepost_receipts_deferred_total',
  'wirepost_claims',
];

interface Compose {
  readonly services: Record<
    string,
    {
      readonly image?: string;
      readonly volumes?: readonly string[];
      readonly secrets?: readonly string[];
      readonly depends_on?: readonly string[];
      readonly environment?: Record<string, string>;
    }
  >;
  readonly secrets: Record<string, unknown>;
  readonly volumes: Record<string, unknown>;
}

interface Panel {
  readonly title: string;
  readonly datasource: unknown;
  readonly targets: readonly { readonly datasource: unknown; readonly expr: string }[];
}

interface Dashboard {
  readonly panels: readonly Panel[];
  readonly templating: {
    readonly list: readonly { name: string; datasource: unknown; query: { query: string } }[];
  };
}

interface Prometheus {
  readonly rule_files: readonly string[];
  readonly scrape_configs: readonly [
    {
      readonly job_name: string;
      readonly authorization: { readonly type: string; readonly credentials_file: string };
      readonly static_configs: readonly [{ readonly targets: readonly string[] }];
    },
  ];
}

interface Rules {
  readonly groups: readonly {
    readonly rules: readonly {
      readonly alert: string;
      readonly expr: string;
      readonly labels: { readonly severity: string };
      readonly annotations: { readonly summary: string };
    }[];
  }[];
}

interface Datasources {
  readonly datasources: readonly {
    readonly uid: string;
    readonly type: string;
    readonly url: string;
  }[];
}

interface Providers {
  readonly providers: readonly [{ readonly options: { readonly path: string } }];
}

function read(file: string): string {
  return readFileSync(join('docker', file), 'utf8');
}

function yaml(file: string): unknown {
  return parse(read(file), { merge: true });
}

/** Labels of each metric of a page in Prometheus' text format. */
function metricsOf(page: string): Map<string, Set<string>> {
  const metrics = new Map<string, Set<string>>([[OF_TARGETS, new Set(TARGET_LABELS)]]);
  for (const [, name = '', labels = ''] of page.matchAll(/^(\w+)(?:\{(.*)\})? [^ ]+$/gm)) {
    const known = metrics.get(name) ?? new Set(TARGET_LABELS);
    for (const [, label = ''] of labels.matchAll(/(\w+)="/g)) known.add(label);
    metrics.set(name, known);
  }
  return metrics;
}

/** What an expression asks for that there is not: metrics, or labels that none of its metrics has. */
function unknownIn(expr: string, metrics: ReadonlyMap<string, ReadonlySet<string>>): string[] {
  const bare = expr.replace(/"[^"]*"/g, '""').replace(/\[[^\]]*\]/g, '');
  const selectors = [...bare.matchAll(/([a-z_]\w*)\{([^}]*)\}/g)];
  const grouped = [...bare.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, names = '']) =>
    names.split(/, */),
  );
  const names = bare
    .replace(/\{[^}]*\}|\bby \([^)]*\)/g, '')
    .split(/[^\w]+/)
    .filter((word) => /^[a-z_]/.test(word) && !WORDS.has(word));
  const ofAll = new Set(names.flatMap((name) => [...(metrics.get(name) ?? [])]));
  return [
    ...names.filter((name) => !metrics.has(name)),
    ...grouped.filter((label) => !ofAll.has(label)),
    ...selectors.flatMap(([, name = '', inside = '']) =>
      [...inside.matchAll(/(\w+) *(?:=~|!~|!=|=)/g)]
        .map(([, label = '']) => label)
        .filter((label) => metrics.get(name)?.has(label) !== true)
        .map((label) => `${name}{${label}}`),
    ),
  ];
}

describe('the monitoring of docker/', () => {
  const compose = yaml('compose.grafana.yaml') as Compose;
  const base = yaml('compose.yaml') as Compose;
  const prometheus = yaml('prometheus/prometheus.yml') as Prometheus;
  const [scrape] = prometheus.scrape_configs;
  const dashboard = JSON.parse(read('grafana/dashboards/wirepost.json')) as Dashboard;
  const rules = prometheus.rule_files.flatMap((file) =>
    (yaml(join('prometheus', file)) as Rules).groups.flatMap((group) => group.rules),
  );
  const expressions = dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));
  let page: string;
  beforeAll(async () => {
    const node = await TestNode.start();
    // As Prometheus asks.
    const { type } = scrape.authorization;
    const headers = { authorization: `${type} ${SERVICE_KEY}` };
    page = await (await fetch(`${node.base}/metrics`, { headers })).text();
    await node.stop();
  });

  it('shows metrics, and labels of them, that a node has', () => {
    const metrics = metricsOf(page);
    expect(expressions.length).toBeGreaterThan(20);
    for (const expr of expressions) expect([expr, unknownIn(expr, metrics)]).toEqual([expr, []]);
    // The check finds what there is not.
    const wrong = 'sum by (colour) (rate(wirepost_gap_total{instance="a", node="b"}[5m]))';
    expect(unknownIn(wrong, metrics)).toEqual([
      'wirepost_gap_total',
      'colour',
      'wirepost_gap_total{instance}',
      'wirepost_gap_total{node}',
    ]);
    expect(unknownIn('wirepost_ready{le="1"}', metrics)).toEqual(['wirepost_ready{le}']);
  });

  it('warns by metrics that a node or its workers have, in words that name the node', async () => {
    const gateway = await GatewayProcess.start({ ...onSharedBroker(), WORKERS: '2' });
    const headers = { authorization: `Bearer ${SERVICE_KEY}` };
    let ofWorkers = '';
    await eventually(async () => {
      ofWorkers = await (await fetch(`${gateway.base}/metrics`, { headers })).text();
      expect(ofWorkers).toMatch(/^wirepost_workers 2$/m);
      expect(ofWorkers).toMatch(/^wirepost_workers_wanted 2$/m);
    });
    await gateway.kill9();
    const [own, all] = [metricsOf(page), metricsOf(`${page}\n${ofWorkers}`)];
    expect(rules.length).toBeGreaterThan(5);
    for (const { alert, expr, annotations } of rules) {
      expect([alert, unknownIn(expr, OF_WORKERS.has(alert) ? all : own)]).toEqual([alert, []]);
      expect(annotations.summary).toContain('{{ $labels.instance }}');
    }
    // All that is on the dashboard is there with workers, too.
    for (const expr of expressions)
      expect([expr, unknownIn(expr, metricsOf(ofWorkers))]).toEqual([expr, []]);
  }, 60_000);

  it('warns of everything that docs/operations.md calls worth an alarm', () => {
    const section = readFileSync('docs/operations.md', 'utf8').split('## Metrics\n')[1] ?? '';
    const named = [...section.matchAll(/^\| (`[^|]*) \|/gm)].flatMap(([, cell = '']) =>
      [...cell.matchAll(/`((?:wirepost|nodejs)_\w+)`/g)].map(([, name = '']) => name),
    );
    expect(named.length).toBeGreaterThan(15);
    const unwatched = named.filter(
      (name) => !rules.some(({ expr }) => new RegExp(`\\b${name}\\b`).test(expr)),
    );
    expect(unwatched).toEqual(WITHOUT_RULE);
  });

  it('shows everything that a critical rule is about, of each node', () => {
    const gauges = rules
      .filter(({ labels, alert }) => labels.severity === 'critical' && !OF_WORKERS.has(alert))
      .flatMap(({ expr }) => expr.match(/wirepost_\w+/g) ?? []);
    expect(gauges).toContain('wirepost_revocations_lag_seconds');
    for (const name of gauges) expect(expressions.join('\n')).toContain(`${name}{`);
  });

  it('has a job and a variable of the names that its expressions use', () => {
    const all = [...expressions, ...rules.map(({ expr }) => expr)].join('\n');
    const { list } = dashboard.templating;
    for (const [, job] of all.matchAll(/job="(\w+)"/g)) expect(job).toBe(scrape.job_name);
    expect(list.map(({ query }) => query.query)).toEqual([
      `label_values(up{job="${scrape.job_name}"}, instance)`,
    ]);
    const used = new Set([...all.matchAll(/\$(\w+)/g)].map(([, name]) => name));
    expect(used).toEqual(new Set(['__rate_interval', ...list.map(({ name }) => name)]));
  });

  it('takes everything from the datasource that is provisioned', () => {
    const { datasources } = yaml('grafana/datasources.yaml') as Datasources;
    expect(datasources).toHaveLength(1);
    for (const { uid, type, url } of datasources) {
      expect(Object.keys(compose.services)).toContain(new URL(url).hostname);
      const { panels, templating } = dashboard;
      const all = [...panels, ...panels.flatMap(({ targets }) => targets), ...templating.list];
      for (const { datasource } of all) expect(datasource).toEqual({ uid, type });
    }
  });

  const listed = (key: 'volumes' | 'secrets' | 'depends_on'): readonly string[] =>
    Object.values(compose.services).flatMap((service) => service[key] ?? []);
  const mounts = listed('volumes').map((volume) => volume.split(':'));
  const mountedAt = (path: string): string | undefined =>
    mounts.find(([, target]) => target === path)?.[0];

  it('runs images of one version each, and has everything that they ask for', () => {
    const { services, volumes, secrets } = compose;
    for (const { image } of Object.values(services)) expect(image).toMatch(/:v?\d+\.\d+\.\d+$/);
    for (const [from = ''] of mounts) {
      const isThere = from.startsWith('.') ? existsSync(join('docker', from)) : from in volumes;
      expect([from, isThere]).toEqual([from, true]);
    }
    expect(listed('secrets')).toEqual(Object.keys(secrets));
    expect(Object.keys(services)).toEqual(expect.arrayContaining([...listed('depends_on')]));
  });

  it('mounts rules, key and dashboards where its programs look for them', () => {
    expect(mountedAt('/etc/prometheus')).toBe('./prometheus');
    const { credentials_file } = scrape.authorization;
    expect(listed('secrets').map((name) => `/run/secrets/${name}`)).toEqual([credentials_file]);
    const { providers } = yaml('grafana/dashboards.yaml') as Providers;
    const { path } = providers[0].options;
    expect(mountedAt(path)).toBe('./grafana/dashboards');
    const home = compose.services['grafana']?.environment;
    expect(home?.['GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH']).toBe(`${path}/wirepost.json`);
  });

  it('asks every gateway of compose.yaml, at its own port', () => {
    const gateways = Object.entries(base.services).filter(([name]) => name.startsWith('gateway'));
    expect(gateways.length).toBeGreaterThan(1);
    expect(scrape.static_configs[0].targets).toEqual(
      gateways.map(([name, { environment }]) => `${name}:${String(environment?.['PORT'])}`),
    );
    // It may not replace a service of compose.yaml.
    for (const name of Object.keys(compose.services))
      expect(Object.keys(base.services)).not.toContain(name);
  });
});
