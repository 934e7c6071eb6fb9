import { useSignal } from '@preact/signals';

import type { Gateway } from '../access/gateway';
import { say, t } from '../language/dictionary';
import { Icon } from '../parts/icon';
import { twoClients } from './clients';
import { seen, show, showing, type Step, STEPS } from './tour-model';

/** The three kinds of message, a resume and a gap, one click each. */
export function Tour({ gateway }: { readonly gateway: Gateway }) {
  const fault = useSignal<string | undefined>(undefined);
  async function start(step: Step): Promise<void> {
    if (showing.value !== undefined) return;
    fault.value = undefined;
    try {
      await show(step, gateway, twoClients(gateway));
    } catch (error) {
      fault.value = error instanceof Error ? error.message : String(error);
    }
  }
  return (
    <section class="tour" aria-labelledby="tour-title">
      <h1 id="tour-title">{t('tour.title')}</h1>
      <p class="lead">{t('tour.intro')}</p>
      <ol class="tour-steps">
        {STEPS.map((step, i) => (
          <TourStep key={step} step={step} number={i + 1} start={start} />
        ))}
      </ol>
      <p class="fault" role="alert">
        {fault.value}
      </p>
    </section>
  );
}

function TourStep({
  step,
  number,
  start,
}: {
  readonly step: Step;
  readonly number: number;
  readonly start: (step: Step) => Promise<void>;
}) {
  const result = seen.value[step];
  return (
    <li class={result === undefined ? 'tour-step' : 'tour-step done'} data-step={step}>
      <span class="tour-mark">{result === undefined ? number : <Icon name="check" />}</span>
      <h2>{t(`tour.${step}`)}</h2>
      <p>{result === undefined ? t(`tour.${step}.about`) : say(result)}</p>
      <button
        class="button"
        aria-disabled={showing.value !== undefined}
        onClick={() => {
          void start(step);
        }}
      >
        <Icon name="play" />
        {t(result === undefined ? 'tour.show' : 'tour.again')}
        <span class="unseen">: {t(`tour.${step}`)}</span>
      </button>
    </li>
  );
}
