import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';

/** One line of a plot. */
export interface Line {
  readonly label: string;
  /** Name of a custom property of the style sheet. */
  readonly colour: string;
  /** Drawn in dashes, to be seen where it lies on another line. */
  readonly dashed?: boolean;
}

const HEIGHT = 170;
/** Seconds that a plot shows at least. */
const SPAN = 60;
/** Steps of the scale: whole numbers only. */
const STEPS = [1, 2, 5]
  .flatMap((step) => Array.from({ length: 9 }, (_, i) => step * 10 ** i))
  .sort((a, b) => a - b);
const dark = matchMedia('(prefers-color-scheme: dark)');

function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/**
 * Lines over time that move on as `data` grows; its first row is seconds since epoch. Under it each line's value, the
 * latest one or that under the pointer. Drawn anew when the colour scheme changes.
 */
export function Plot({
  title,
  lines,
  data,
  unit,
}: {
  readonly title: string;
  readonly lines: readonly Line[];
  readonly data: uPlot.AlignedData;
  readonly unit: string;
}) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const pointed = useSignal<number | null | undefined>(undefined);
  useEffect(() => {
    const element = box.current;
    if (element === null) return undefined;
    const make = (): void => {
      plot.current?.destroy();
      const options = optionsOf(lines, element.clientWidth, (index) => {
        pointed.value = index;
      });
      plot.current = new uPlot(options, data, element);
    };
    make();
    const observer = new ResizeObserver(() => {
      plot.current?.setSize({ width: element.clientWidth, height: HEIGHT });
    });
    observer.observe(element);
    dark.addEventListener('change', make);
    return () => {
      observer.disconnect();
      dark.removeEventListener('change', make);
      plot.current?.destroy();
    };
  }, []);
  useEffect(() => {
    plot.current?.setData(data);
  }, [data]);
  const index = pointed.value ?? data[0].length - 1;
  return (
    <figure class="card plot">
      <figcaption>{title}</figcaption>
      <div ref={box} class="plot-box" aria-hidden="true" />
      <ul class="plot-legend">
        {lines.map(({ label, colour: name, dashed }, i) => (
          <li key={label}>
            <span
              class={dashed === true ? 'swatch dashed' : 'swatch'}
              style={{ color: `var(${name})` }}
            />
            {label} <strong>{valueOf(data[i + 1]?.[index], unit)}</strong>
          </li>
        ))}
      </ul>
    </figure>
  );
}

function valueOf(value: number | null | undefined, unit: string): string {
  return value === null || value === undefined ? '–' : `${short(value)}${unit}`;
}

function optionsOf(
  lines: readonly Line[],
  width: number,
  onPoint: (index: number | null | undefined) => void,
): uPlot.Options {
  const axis: uPlot.Axis = {
    stroke: colour('--muted'),
    font: '11px system-ui, sans-serif',
    grid: { stroke: colour('--line'), width: 1 },
    ticks: { show: false },
  };
  return {
    width,
    height: HEIGHT,
    padding: [10, 14, 0, 0],
    cursor: { y: false, points: { size: 6 }, drag: { x: false, y: false } },
    legend: { show: false },
    scales: {
      x: { time: true, range: (_plot, min, max) => [Math.min(min, max - SPAN), max] },
      y: { range: (_plot, _min, max) => [0, niceMaximum(max)] },
    },
    axes: [
      { ...axis, size: 28, space: 80, values: (_plot, at) => at.map(clockTime) },
      { ...axis, size: 44, incrs: STEPS, values: (_plot, at) => at.map((value) => short(value)) },
    ],
    series: [
      {},
      ...lines.map(({ label, colour: name, dashed }) => ({
        label,
        stroke: colour(name),
        width: 2,
        points: { show: false },
        ...(dashed === true && { dash: [6, 5] }),
      })),
    ],
    hooks: {
      setCursor: [
        ({ cursor }) => {
          onPoint(cursor.idx);
        },
      ],
    },
  };
}

function niceMaximum(max: number | null): number {
  return Math.max(4, (max ?? 0) * 1.15);
}

function clockTime(seconds: number): string {
  return new Date(seconds * 1000).toLocaleTimeString('en-GB');
}

/** A number as short as it stays meaningful. */
export function short(value: number): string {
  if (value >= 1e9) return `${(value / 1e9).toFixed(1)}G`;
  if (value >= 1e6) return `${(value / 1e6).toFixed(1)}M`;
  if (value >= 10_000) return `${(value / 1000).toFixed(0)}k`;
  return value < 10 && !Number.isInteger(value) ? value.toFixed(1) : String(Math.round(value));
}
