import { signal } from '@preact/signals';

import type { Delivered } from '../../client';
import { t } from '../language/dictionary';
import { notice, type Participant } from '../participant/participant';
import { suffix } from '../participant/stopwatch';
import { Pane } from './pane';
import { QrCode } from './qr-code';
import type { Scenario } from './scenario';
import type { Story } from './story';

const [PAGE, HUB, PHONE, BACKEND] = [0, 1, 2, 3];

type Stage = 'before' | 'code' | 'scanned' | 'user';

const page = signal<{
  readonly stage: Stage;
  readonly code: string;
  readonly who?: string;
  readonly greeting?: string;
  /** Whether the connection is still the one on which the page was anonymous. */
  readonly sameSocket?: boolean;
}>({ stage: 'before', code: '' });
const phone = signal<{ readonly stage: 'idle' | 'scanned' | 'confirmed'; readonly who?: string }>({
  stage: 'idle',
});

function Panes() {
  const { stage, code, who, greeting, sameSocket } = page.value;
  return (
    <>
      <Pane title="lane.webPage" icon="page" who={who}>
        {stage === 'before' && <p class="hint">{t('login.before')}</p>}
        {(stage === 'code' || stage === 'scanned') && (
          <>
            <QrCode text={code} label={t('login.code')} />
            <p>{t(stage === 'code' ? 'login.scanMe' : 'login.confirmOnPhone')}</p>
          </>
        )}
        {stage === 'user' && (
          <>
            <p class="big">{t('login.hello', { name: who ?? '' })}</p>
            {sameSocket === true && <p class="good-news">{t('login.sameSocket')}</p>}
            {greeting !== undefined && <p>{greeting}</p>}
          </>
        )}
      </Pane>
      <Pane title="lane.phone" icon="phone" who={phone.value.who}>
        <p>{t(`login.phone.${phone.value.stage}`)}</p>
      </Pane>
    </>
  );
}

async function act(story: Story): Promise<void> {
  const user = `lee-${suffix()}`;
  const anonymous = `page-${suffix()}`;
  page.value = { stage: 'before', code: '', who: anonymous };
  phone.value = { stage: 'idle', who: user };
  const phoneClient = await story.join(PHONE, {
    uniqueId: user,
    clientType: 'APP',
    clientToClient: true,
  });
  const web = await story.join(PAGE, { uniqueId: anonymous, clientType: 'WEB' });
  const becameUser = listen(web);
  const { content } = await web.client.request<{ code: string }>('qrcode.refresh', {});
  page.value = {
    ...page.value,
    stage: 'code',
    code: `wirepost-login:${anonymous}:${content.code}`,
  };
  await story.pause(1400);

  story.own(PAGE, PHONE, 'login.step.scan');
  phone.value = { stage: 'scanned', who: user };
  await phoneClient.client.send({
    sendType: 'UNICAST',
    messageType: 'CLIENT_TO_CLIENT',
    businessType: 'login.scanned',
    toUniqueId: anonymous,
    content: { code: content.code },
  });
  await story.pause(1400);

  story.own(PHONE, BACKEND, 'login.step.confirm');
  phone.value = { stage: 'confirmed', who: user };
  const url = await story.token(BACKEND, { uniqueId: user, clientType: 'WEB' });
  await story.push(BACKEND, notice(anonymous, 'login.confirmed', { url }));
  await story.within(10_000, becameUser, 'the page did not become the user');
  await story.pause(700);
  const greeting = notice(user, 'account.greeting', { text: t('login.greeting') });
  await story.push(BACKEND, { ...greeting, toClientType: 'WEB' });
  await story.pause(300);
}

/** The page's own code: three messages, and `renew` on the open socket. Resolves when the page has become the user. */
function listen(web: Participant): Promise<void> {
  return new Promise((resolve, reject) => {
    web.onMessage = (message: Delivered) => {
      switch (message.businessType) {
        case 'login.scanned':
          page.value = { ...page.value, stage: 'scanned' };
          break;
        case 'login.confirmed':
          become(web, (message.content as { url: string }).url).then(resolve, reject);
          break;
        case 'account.greeting':
          page.value = { ...page.value, greeting: (message.content as { text: string }).text };
      }
    };
  });
}

async function become(web: Participant, url: string): Promise<void> {
  const before = web.client.identity?.connectionId;
  const { uniqueId, connectionId } = await web.client.renew(url);
  page.value = {
    ...page.value,
    stage: 'user',
    who: uniqueId,
    sameSocket: connectionId === before,
  };
}

export const login: Scenario = {
  name: 'login',
  icon: 'phone',
  lanes: ['lane.webPage', 'lane.wirepost', 'lane.phone', 'lane.backend'],
  hub: HUB,
  Panes,
  act,
};
