import { useLayoutEffect, useRef } from 'preact/hooks';

import type { Key } from '../language/en';
import { say, t } from '../language/dictionary';
import type { Step } from './story';

/** Lanes from left to right, and under them every step from top to bottom. */
export function Sequence({
  lanes,
  hub,
  steps,
}: {
  readonly lanes: readonly Key[];
  readonly hub: number;
  readonly steps: readonly Step[];
}) {
  const end = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const box = end.current;
    if (box !== null) box.scrollTop = box.scrollHeight;
  }, [steps]);
  return (
    <section class="sequence" aria-label={t('story.drawing')}>
      <div class={`lanes of-${String(lanes.length)}`}>
        {lanes.map((lane, i) => (
          <span key={lane} class={i === hub ? 'lane-name hub' : 'lane-name'}>
            {t(lane)}
          </span>
        ))}
      </div>
      <div class="steps" ref={end} tabIndex={0} role="region" aria-label={t('story.steps')}>
        {steps.length === 0 && <p class="hint empty">{t('story.empty')}</p>}
        <ol>
          {steps.map((step) => (
            <Arrow key={step.id} step={step} lanes={lanes} />
          ))}
        </ol>
      </div>
    </section>
  );
}

function Arrow({ step, lanes }: { readonly step: Step; readonly lanes: readonly Key[] }) {
  const { from, to, way, at, label, note } = step;
  const [left, right] = [Math.min(from, to), Math.max(from, to)];
  const column = columnOf(left, right);
  const turn = left === right ? 'at' : from < to ? 'to-right' : 'to-left';
  return (
    <li class={`step of-${String(lanes.length)} ${way} ${turn}`}>
      {lanes.map((lane, i) => (
        <span
          key={lane}
          class="lane-line"
          style={{ gridColumn: columnOf(i, i) }}
          aria-hidden="true"
        />
      ))}
      <span class="step-text" style={{ gridColumn: column }}>
        <span class="unseen">
          {t(lanes[from] ?? 'lane.wirepost')} → {t(lanes[to] ?? 'lane.wirepost')}:{' '}
        </span>
        {label !== undefined && <code>{label}</code>}
        {note !== undefined && <span class="step-note">{say(note)}</span>}
      </span>
      {left !== right && <span class="arrow" style={{ gridColumn: column }} aria-hidden="true" />}
      <span class="step-time">{(at / 1000).toFixed(2)} s</span>
    </li>
  );
}

/** Each lane takes two columns of the grid, with its line in between; an arrow spans from line to line. */
function columnOf(left: number, right: number): string {
  return left === right
    ? `${String(2 * left + 1)} / span 2`
    : `${String(2 * left + 2)} / ${String(2 * right + 2)}`;
}
