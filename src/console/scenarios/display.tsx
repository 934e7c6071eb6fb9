import { signal } from '@preact/signals';

import { t } from '../language/dictionary';
import { newMessageId, startOf, suffix } from '../participant/stopwatch';
import { Pane } from './pane';
import type { Scenario } from './scenario';
import type { Story } from './story';

const [PHONE, HUB, PAGE] = [0, 1, 2];
/** Hits of the little game on the phone, and ms between them. */
const HITS = 8;
const PACE = 450;

const score = signal<number | undefined>(undefined);
const shown = signal<
  { readonly score: number; readonly from: string; readonly ms: number } | undefined
>(undefined);

function Panes() {
  return (
    <>
      <Pane title="lane.phone" icon="phone">
        <p class="huge">{score.value ?? '–'}</p>
        <p class="hint">{t('display.phone')}</p>
      </Pane>
      <Pane title="lane.h5Page" icon="page">
        <p class="huge">{shown.value?.score ?? '–'}</p>
        <p class="hint">
          {shown.value === undefined
            ? t('display.page')
            : t('display.from', { name: shown.value.from, ms: shown.value.ms.toFixed(1) })}
        </p>
      </Pane>
    </>
  );
}

async function act(story: Story): Promise<void> {
  score.value = shown.value = undefined;
  const screen = `screen-${suffix()}`;
  const page = await story.join(PAGE, { uniqueId: screen, clientType: 'H5' });
  const phone = await story.join(PHONE, {
    uniqueId: `player-${suffix()}`,
    clientType: 'APP',
    clientToClient: true,
  });
  page.onMessage = ({ content, messageId, fromUniqueId = '' }) => {
    const ms = performance.now() - (startOf(messageId) ?? performance.now());
    shown.value = { score: (content as { score: number }).score, from: fromUniqueId, ms };
  };
  for (let hit = 1; hit <= HITS; hit += 1) {
    await story.pause(PACE);
    score.value = (score.value ?? 0) + 10 * (1 + Math.floor(Math.random() * 9));
    await phone.client.send({
      sendType: 'UNICAST',
      messageType: 'CLIENT_TO_CLIENT',
      businessType: 'game.score',
      toUniqueId: screen,
      toClientType: 'H5',
      content: { score: score.value },
      messageId: newMessageId(),
    });
  }
  await story.pause(300);
}

export const display: Scenario = {
  name: 'display',
  icon: 'page',
  lanes: ['lane.phone', 'lane.wirepost', 'lane.h5Page'],
  hub: HUB,
  Panes,
  act,
};
