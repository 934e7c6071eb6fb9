import { signal } from '@preact/signals';

import { t } from '../language/dictionary';
import type { Participant } from '../participant/participant';
import { suffix } from '../participant/stopwatch';
import { Pane } from './pane';
import type { Scenario } from './scenario';
import type { Story } from './story';

const [PAGE, HUB, HANDLER] = [0, 1, 2];

interface Report {
  readonly title: string;
  readonly rows: number;
}

type Stage = 'before' | 'asked' | 'accepted' | 'away' | 'back' | 'done';

const stage = signal<Stage>('before');
const report = signal<Report | undefined>(undefined);
/** ms until the page was free again, and until it had the report. */
const accepted = signal<number | undefined>(undefined);
const answered = signal<number | undefined>(undefined);

function Panes() {
  return (
    <Pane title="lane.webPage" icon="page">
      <p class={`big stage-${stage.value}`}>{t(`report.${stage.value}`)}</p>
      {report.value !== undefined && (
        <p class="good-news">{t('report.rows', { rows: report.value.rows })}</p>
      )}
      <dl class="facts">
        <div>
          <dt>{t('report.blocked')}</dt>
          <dd>{accepted.value === undefined ? '–' : `${(accepted.value / 1000).toFixed(3)} s`}</dd>
        </div>
        <div>
          <dt>{t('report.answered')}</dt>
          <dd>{answered.value === undefined ? '–' : `${(answered.value / 1000).toFixed(3)} s`}</dd>
        </div>
      </dl>
    </Pane>
  );
}

async function act(story: Story): Promise<void> {
  stage.value = 'before';
  report.value = accepted.value = answered.value = undefined;
  const page = await story.join(PAGE, { uniqueId: `page-${suffix()}`, clientType: 'WEB' });
  const began = performance.now();
  stage.value = 'asked';
  const taken = acceptance(page, story);
  const reply = page.client.request<Report & Record<string, never>>('report.build', {
    title: 'Sales',
  });
  // A failure is heard below; until then it must not count as unhandled.
  reply.catch(() => undefined);
  await story.within(10_000, Promise.race([taken, reply]), 'the question was not accepted');
  accepted.value = performance.now() - began;
  stage.value = 'accepted';
  story.own(HUB, HANDLER, 'report.step.work');
  await story.pause(1200);

  story.remark(PAGE, 'report.step.cut');
  stage.value = 'away';
  page.cutLine();
  await story.pause(2600);
  story.own(HANDLER, HUB, 'report.step.ready');
  story.remark(PAGE, 'report.step.back');
  page.mendLine();
  await page.connected();
  stage.value = 'back';
  const { content } = await reply;
  answered.value = performance.now() - began;
  report.value = content;
  stage.value = 'done';
}

/** Resolves when the service has accepted the question. */
function acceptance(page: Participant, story: Story): Promise<void> {
  const draw = page.onFrame;
  return new Promise((resolve) => {
    page.onFrame = (entry) => {
      draw?.(entry);
      const { wire } = entry;
      if (wire.kind === 'control' && wire.frame.op === 'accepted') resolve();
    };
    if (story.state.value === 'ended') resolve();
  });
}

export const slowReport: Scenario = {
  name: 'report',
  icon: 'clock',
  lanes: ['lane.webPage', 'lane.wirepost', 'lane.handler'],
  hub: HUB,
  Panes,
  act,
};
