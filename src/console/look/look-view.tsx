import { useSignal } from '@preact/signals';

import { gateway } from '../access/access';
import type { Figures } from '../access/feed';
import { t } from '../language/dictionary';
import type { Key } from '../language/en';
import { Icon } from '../parts/icon';
import { history, latest, trouble } from './figures';
import { Plot, short } from './plot';
import { flowing, makeTraffic } from './traffic';

type Read = (figures: Figures) => number | null;

interface Curve {
  readonly label: Key;
  readonly colour: string;
  readonly read: Read;
  readonly dashed?: boolean;
}

const PLOTS: readonly {
  readonly title: Key;
  readonly unit: string;
  readonly curves: readonly Curve[];
}[] = [
  {
    title: 'look.rates',
    unit: '/s',
    curves: [
      { label: 'look.deliveries', colour: '--write', read: (f) => f.deliveriesPerSecond },
      { label: 'look.messages', colour: '--push', read: (f) => f.messagesPerSecond, dashed: true },
      { label: 'look.upstream', colour: '--ask', read: (f) => f.upstreamPerSecond },
    ],
  },
  {
    title: 'look.latency',
    unit: ' ms',
    curves: [
      { label: 'look.p99', colour: '--warn', read: (f) => f.latency?.p99 ?? null },
      { label: 'look.p90', colour: '--push', read: (f) => f.latency?.p90 ?? null, dashed: true },
      { label: 'look.p50', colour: '--write', read: (f) => f.latency?.p50 ?? null },
    ],
  },
  {
    title: 'look.connections',
    unit: '',
    curves: [{ label: 'look.open', colour: '--push', read: (f) => f.connections }],
  },
  {
    title: 'look.lag',
    unit: ' ms',
    curves: [{ label: 'look.behind', colour: '--warn', read: (f) => f.logLag }],
  },
];

/** The node as it is now, and in the last minutes. */
export function LookView() {
  if (trouble.value === 'forbidden') return <p class="card notice">{t('look.forbidden')}</p>;
  const figures = latest.value;
  if (figures === undefined) return <p class="card notice">{t('look.waiting')}</p>;
  const times = history.value.map(({ time }) => time / 1000);
  return (
    <div class="look">
      <header class="look-head">
        <div>
          <h1>{t('look.title')}</h1>
          <p class="lead">{t('look.intro')}</p>
        </div>
        <Traffic />
      </header>
      <Tiles figures={figures} />
      <div class="plots">
        {PLOTS.map(({ title, unit, curves }) => (
          <Plot
            key={title}
            title={t(title)}
            unit={unit}
            lines={curves.map((curve) => ({ ...curve, label: t(curve.label) }))}
            data={[times, ...curves.map(({ read }) => history.value.map(read))]}
          />
        ))}
      </div>
    </div>
  );
}

function Traffic() {
  const fault = useSignal<string | undefined>(undefined);
  async function start(): Promise<void> {
    const source = gateway.value;
    if (source === undefined || flowing.value) return;
    fault.value = undefined;
    try {
      await makeTraffic(source);
    } catch (error) {
      fault.value = error instanceof Error ? error.message : String(error);
    }
  }
  return (
    <div class="traffic">
      <button
        class="button"
        aria-disabled={flowing.value}
        onClick={() => {
          void start();
        }}
      >
        <Icon name="play" />
        {t(flowing.value ? 'look.flowing' : 'look.traffic')}
      </button>
      <p class="fault" role="alert">
        {fault.value}
      </p>
    </div>
  );
}

function Tiles({ figures }: { readonly figures: Figures }) {
  const { latency } = figures;
  const tiles: readonly (readonly [Key, string])[] = [
    ['look.connections', short(figures.connections)],
    ['look.messages', short(figures.messagesPerSecond)],
    ['look.deliveries', short(figures.deliveriesPerSecond)],
    ['look.p50', latency === null ? '–' : `${latency.p50.toFixed(1)} ms`],
    ['look.p99', latency === null ? '–' : `${latency.p99.toFixed(1)} ms`],
    ['look.position', figures.logOffset.toLocaleString('en')],
    ['look.behind', `${short(figures.logLag)} ms`],
    ['look.window', `${short(figures.windowEntries)} · ${bytes(figures.windowBytes)}`],
    ['look.gaps', short(figures.gaps)],
    ['look.memory', bytes(figures.memory)],
  ];
  return (
    <dl class="tiles">
      {tiles.map(([label, value]) => (
        <div key={label} class="card tile">
          <dt>{t(label)}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function bytes(count: number): string {
  if (count >= 2 ** 20) return `${(count / 2 ** 20).toFixed(1)} MiB`;
  return count >= 1024 ? `${(count / 1024).toFixed(0)} KiB` : `${String(count)} B`;
}
