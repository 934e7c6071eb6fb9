import { signal } from '@preact/signals';

import type { Order } from '../access/gateway';
import { t } from '../language/dictionary';
import { notice } from '../participant/participant';
import { suffix } from '../participant/stopwatch';
import { Pane } from './pane';
import type { Scenario } from './scenario';
import type { Story } from './story';

const [POLLER, PUSHED, HUB, SHOP] = [0, 1, 2, 3];
/** ms between two questions of the polling page. */
const INTERVAL = 2000;
/** ms after which the buyer pays: somewhere between two questions, as in life. */
const PAID_AFTER = { least: 4200, span: 1600 };

/** The page that is pushed to asks its backend for the socket's URL, and opens the socket (an HTTP upgrade). */
const PUSHED_REQUESTS = 2;

/** What one of the two pages has done and knows. */
interface Side {
  readonly requests: number;
  readonly paid: boolean;
  /** ms from the payment until the page knew. */
  readonly delay?: number;
}

const START: Side = { requests: 0, paid: false };
const polling = signal<Side>(START);
const pushed = signal<Side>(START);
const orderId = signal<string | undefined>(undefined);

function SideFacts({ side, requests }: { readonly side: Side; readonly requests: string }) {
  return (
    <>
      <p class={side.paid ? 'big paid' : 'big'}>{t(side.paid ? 'payment.paid' : 'payment.open')}</p>
      <dl class="facts">
        <div>
          <dt>{requests}</dt>
          <dd>{side.requests}</dd>
        </div>
        <div>
          <dt>{t('payment.delay')}</dt>
          <dd>{side.delay === undefined ? '–' : `${(side.delay / 1000).toFixed(3)} s`}</dd>
        </div>
      </dl>
    </>
  );
}

function Panes() {
  return (
    <>
      <Pane title="lane.pollingPage" icon="clock" who={orderId.value}>
        <SideFacts side={polling.value} requests={t('payment.requests')} />
        <p class="hint">{t('payment.polling.about', { seconds: INTERVAL / 1000 })}</p>
      </Pane>
      <Pane title="lane.pushPage" icon="card" who={orderId.value}>
        <SideFacts side={pushed.value} requests={t('payment.requests')} />
        <p class="hint">{t('payment.push.about')}</p>
      </Pane>
    </>
  );
}

async function act(story: Story): Promise<void> {
  polling.value = pushed.value = START;
  const buyer = `buyer-${suffix()}`;
  const order = await story.gateway.openOrder();
  orderId.value = order.orderId;
  const page = await story.join(PUSHED, { uniqueId: buyer, clientType: 'H5' });
  pushed.value = { ...START, requests: PUSHED_REQUESTS };
  let paidAt = Number.POSITIVE_INFINITY;
  const told = new Promise<void>((resolve) => {
    page.onMessage = () => {
      pushed.value = {
        requests: PUSHED_REQUESTS,
        paid: true,
        delay: performance.now() - paidAt,
      };
      resolve();
    };
  });
  const polled = poll(story, order, () => paidAt);
  await story.pause(PAID_AFTER.least + Math.random() * PAID_AFTER.span);

  story.remark(SHOP, 'payment.step.paid');
  await story.gateway.payOrder(order.orderId);
  paidAt = performance.now();
  await story.push(
    SHOP,
    notice(buyer, 'payment.result', { orderId: order.orderId, status: 'PAID' }),
  );
  await story.within(20_000, Promise.all([told, polled]), 'the payment did not get through');
}

/** Asks the shop for the order every `INTERVAL` ms, as pages without Wirepost do. */
async function poll(story: Story, { orderId: id }: Order, paidAt: () => number): Promise<void> {
  for (let requests = 1; ; requests += 1) {
    const { status } = await story.gateway.order(id);
    const delay = performance.now() - paidAt();
    story.draw(POLLER, SHOP, 'call', `GET /orders/${id}  →  ${status}`);
    if (status === 'PAID') {
      polling.value = { requests, paid: true, delay };
      return;
    }
    polling.value = { requests, paid: false };
    await story.pause(INTERVAL);
  }
}

export const payment: Scenario = {
  name: 'payment',
  icon: 'card',
  lanes: ['lane.pollingPage', 'lane.pushPage', 'lane.wirepost', 'lane.shop'],
  hub: HUB,
  Panes,
  act,
};
