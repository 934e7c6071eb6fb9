import { readFileSync } from 'node:fs';

import type { Browser, BrowserContextOptions } from 'playwright-core';

import { launchBrowser } from '../support/browser';
import { ConsolePage } from '../support/console-page';
import { eventually } from '../support/eventually';
import { GatewayProcess } from '../support/gateway-process';
import { onSharedBroker } from '../support/shared-broker';
import { SERVICE_KEY, TOKEN_ONLY_KEY } from '../support/test-node';

const PHONE = { width: 390, height: 844 };
/** Figures of a node at which nothing happens. */
const ALL_ZERO = Object.fromEntries(
  [
    'messagesPerSecond',
    'deliveriesPerSecond',
    'upstreamPerSecond',
    'framesDelivered',
    'gaps',
    'logOffset',
    'windowEntries',
    'windowBytes',
    'memory',
  ].map((name) => [name, 0]),
);

describe('the console in Chromium', () => {
  let browser: Browser;
  let gateway: GatewayProcess;
  const pages: ConsolePage[] = [];
  beforeAll(async () => {
    browser = await launchBrowser();
    gateway = await GatewayProcess.start({
      SERVICE_KEYS: `all:token+push+admin:${SERVICE_KEY},some:token:${TOKEN_ONLY_KEY}`,
    });
  });
  afterEach(async () => {
    for (const page of pages.splice(0)) {
      expect(await page.complaints()).toEqual([]);
      await page.close();
    }
  });
  afterAll(async () => {
    await browser.close();
    await gateway.kill9();
  });

  async function open(options: BrowserContextOptions = {}): Promise<ConsolePage> {
    const page = await ConsolePage.open(browser, gateway.base, options);
    pages.push(page);
    return page;
  }

  async function signedIn(options: BrowserContextOptions = {}): Promise<ConsolePage> {
    const page = await open(options);
    await page.signIn(SERVICE_KEY);
    return page;
  }

  async function takeTour(console: ConsolePage): Promise<void> {
    for (const step of ['push', 'ask', 'write', 'resume', 'gap']) {
      await console.step(step).getByRole('button', { name: 'Show me' }).click();
      await console.step(step).and(console.page.locator('.done')).waitFor();
    }
    await eventually(async () => {
      expect(await console.step('resume').textContent()).toContain('3 of 3 messages');
    });
  }

  it('says so when the key is wrong, and lets another one be tried', async () => {
    const console = await ConsolePage.open(browser, gateway.base);
    await console.enterKey('not-the-key');
    const alert = console.page.getByRole('alert').filter({ hasText: /does not know this key/ });
    await alert.waitFor();
    await console.enterKey('密钥');
    await alert.waitFor();
    await console.signIn(SERVICE_KEY);
    // The refusal itself is all that the browser complains about.
    expect(await console.complaints()).toEqual([expect.stringContaining('401')]);
    await console.close();
  });

  it('forgets the key with a reload', async () => {
    const console = await signedIn();
    await console.page.reload();
    await console.page.locator('input[name=key]').waitFor();
    expect(
      await console.page.evaluate('JSON.stringify([localStorage, sessionStorage])'),
    ).not.toContain(SERVICE_KEY);
  });

  it('shows all three kinds of message, a resume and a gap with one click each', async () => {
    const console = await signedIn();
    await takeTour(console);
    expect(await console.frames('bob', 'note.show').count()).toBe(1);
    expect(await console.frames('alice', 'gap').count()).toBe(1);
    expect(await console.step('gap').textContent()).toContain('this position is of another log');
  });

  it('shows them on RabbitMQ too, under a prefix', async () => {
    const env = onSharedBroker();
    const other = await GatewayProcess.start({ ...env, GLOBAL_PREFIX: '/realtime' });
    const console = await ConsolePage.open(browser, `${other.base}/realtime`);
    await console.signIn(SERVICE_KEY);
    await takeTour(console);
    expect(await console.complaints()).toEqual([]);
    await console.close();
    await other.kill9();
  });

  it('loses nothing and repeats nothing when a client is cut while messages are pushed to it', async () => {
    const console = await signedIn();
    const alice = console.client('alice');
    const before = await console.handled('alice');
    await alice.getByRole('button', { name: 'Cut the line' }).click();
    await alice.and(console.page.locator('.cut')).waitFor();
    for (const content of ['"first"', '"second"']) {
      await console.page.getByLabel('content').fill(content);
      await console.page.getByRole('button', { name: 'Send', exact: true }).click();
      await console.page.getByText(/^Accepted after/).waitFor();
    }
    expect(await console.frames('alice', 'payment.result').count()).toBe(0);
    await alice.getByRole('button', { name: 'Mend the line' }).click();
    await eventually(async () => {
      expect(await console.frames('alice', 'payment.result').allTextContents()).toEqual([
        expect.stringContaining('"first"'),
        expect.stringContaining('"second"'),
      ]);
    });
    expect(await console.frames('alice', 'welcome').last().textContent()).toContain(
      'goes on from its cursor',
    );
    expect(await console.handled('alice')).toBe(before + 2);
  });

  it('sends to labels, to everybody and from client to client, and says what is wrong before it sends', async () => {
    const console = await signedIn();
    const { page } = console;
    const send = page.getByRole('button', { name: 'Send', exact: true });
    await page.getByRole('radio', { name: 'MULTICAST' }).check();
    await send.click();
    await page.getByRole('status').filter({ hasText: 'MULTICAST needs tags' }).waitFor();
    await page.getByLabel('tags').last().fill('beta');
    await page.getByLabel('businessType').fill('to.beta');
    await send.click();
    await console.frames('bob', 'to.beta').waitFor();
    await page.getByRole('radio', { name: 'BROADCAST' }).check();
    await page.getByLabel('businessType').fill('to.all');
    await send.click();
    for (const name of ['alice', 'bob']) await console.frames(name, 'to.all').waitFor();
    expect(await console.frames('alice', 'to.beta').count()).toBe(0);

    await page.getByRole('radio', { name: 'Client → client' }).check();
    await send.click();
    await console.frames('bob', 'note.show').waitFor();
    expect(await console.frames('alice', 'wirepost.receipt').count()).toBe(0);
    await page.getByText('More fields').click();
    await page.getByRole('radio', { name: 'when it is handled' }).check();
    await send.click();
    await console.frames('alice', 'wirepost.receipt').waitFor();
    await page.getByRole('radio', { name: 'Client → server' }).check();
    await page.getByLabel('content').fill('{ not JSON');
    await send.click();
    await page.getByRole('status').filter({ hasText: 'content is not JSON' }).waitFor();
    await page.getByLabel('content').fill('{}');
    await page.getByLabel('businessType').fill('nobody.handles.this');
    await send.click();
    await page.getByRole('status').filter({ hasText: 'Refused: nobody handles' }).waitFor();
  });

  it('connects further clients under a chosen identity', async () => {
    const console = await signedIn();
    await console.page.getByText('Connect another client').click();
    await console.page.getByLabel('uniqueId').first().fill('dave');
    await console.page.getByRole('button', { name: 'Connect', exact: true }).click();
    await console.client('dave').and(console.page.locator('.connected')).waitFor();
  });

  it('sends as the very client that was chosen, and as another one when that is removed', async () => {
    const console = await signedIn();
    const { page } = console;
    await page.getByText('Connect another client').click();
    await page.getByLabel('uniqueId').first().fill('alice');
    await page.getByRole('button', { name: 'Connect', exact: true }).click();
    const second = console.client('alice').filter({ hasText: 'WEB' });
    await second.and(page.locator('.connected')).waitFor();
    await page.getByRole('radio', { name: 'Client → client' }).check();
    const from = page.locator('.composer select');
    expect(await from.locator('option').allTextContents()).toEqual([
      'alice · H5',
      'bob · APP',
      'alice · WEB',
    ]);
    await from.selectOption({ label: 'alice · WEB' });
    const send = page.getByRole('button', { name: 'Send', exact: true });
    await send.click();
    await second.locator('.frame.out.write').waitFor();
    expect(await console.frames('alice', 'note.show').count()).toBe(1);
    await second.getByRole('button', { name: 'Remove' }).click();
    await second.waitFor({ state: 'detached' });
    expect(await from.locator('option:checked').textContent()).toBe('alice · H5');
    await send.click();
    await console.client('alice').locator('.frame.out.write').waitFor();
  });

  it('says why a client is refused, and ends the scenario whose clients are', async () => {
    const console = await ConsolePage.open(browser, gateway.base);
    await console.signIn(SERVICE_KEY);
    const { page } = console;
    await page.getByText('Connect another client').click();
    const last = page.locator('[data-client].closed').last();
    for (const [name, clientType, reason] of [
      ['x'.repeat(200), 'WEB', /cannot connect: .*uniqueId/],
      ['zed', 'x'.repeat(200), /cannot connect: .*clientType/],
    ] as const) {
      await page.getByLabel('uniqueId').first().fill(name);
      await page.getByLabel('clientType').first().fill(clientType);
      await page.getByRole('button', { name: 'Connect', exact: true }).click();
      await last.locator('.happening.failed').filter({ hasText: reason }).waitFor();
    }
    await page.route('**/websocket/token', (route) =>
      route.fulfill({ status: 403, json: { result: 40301, description: 'not for you', data: {} } }),
    );
    await console.show('scenarios');
    await page.getByRole('button', { name: 'Run', exact: true }).click();
    await page.getByText('It stopped: not for you').waitFor();
    await page.locator('.stage-head button[aria-disabled=false]').waitFor();
    // The refusals themselves are all that the browser complains about.
    expect(await console.complaints()).toEqual(
      [400, 400, 403].map((status): unknown => expect.stringContaining(String(status))),
    );
    await console.close();
  });

  it('mends what the tour needs, and gives up a step whose client is removed', async () => {
    const console = await signedIn();
    const { page } = console;
    const bob = console.client('bob');
    await bob.getByRole('button', { name: 'Cut the line' }).click();
    await bob.and(page.locator('.cut')).waitFor();
    await console.step('push').getByRole('button').click();
    await console.step('push').and(page.locator('.done')).waitFor();
    await bob.and(page.locator('.connected')).waitFor();
    await console.step('resume').getByRole('button').click();
    const alice = console.client('alice');
    await alice.and(page.locator('.cut')).waitFor();
    await alice.getByRole('button', { name: 'Remove' }).click();
    await page.getByRole('alert').filter({ hasText: 'alice is closed' }).waitFor();
    await console.step('write').getByRole('button').click();
    await console.step('write').and(page.locator('.done')).waitFor();
  });

  it('shows the first view for an address that names none', async () => {
    const console = await signedIn();
    for (const name of ['toString', 'constructor', '__proto__', 'hasOwnProperty', 'nothing']) {
      await console.show('look');
      await console.page.getByRole('heading', { name: 'This node, live' }).waitFor();
      await console.page.evaluate(`location.hash = '${name}'`);
      await console.page.getByRole('heading', { name: 'See it in five clicks' }).waitFor();
    }
  });

  it('tells the story of a login by QR code, in which the same socket becomes the user', async () => {
    const console = await signedIn();
    const done = console.runScenario('QR code login');
    const code = await console.page.locator('.qr').getAttribute('data-text');
    expect(code).toMatch(/^wirepost-login:page-\w+:[\w-]{16}$/);
    await done;
    const text = await console.pane('Web page').textContent();
    expect(text).toMatch(/Hello, lee-\w+/);
    expect(text).toContain('Same connection as before');
    expect(text).toContain('This push went to the user');
  });

  it('tells the story of a payment: fewer requests, and known at once', async () => {
    const console = await signedIn();
    await console.runScenario('Payment instead of polling');
    const read = async (title: string): Promise<[number, number]> => {
      const [requests = '', delay = ''] = await console.pane(title).locator('dd').allTextContents();
      return [Number(requests), Number.parseFloat(delay)];
    };
    const [asked, late] = await read('Page that polls');
    const [opened, soon] = await read('Page with a socket');
    expect(asked).toBeGreaterThanOrEqual(3);
    expect(opened).toBe(2);
    expect(soon).toBeLessThan(late);
  });

  it('tells the story of charging ports: a multicast reaches who watches, and nobody else', async () => {
    const console = await signedIn();
    await console.runScenario('Charging port status');
    expect(await console.pane('Driver at A1').textContent()).toMatch(/A1full2 messages/);
    expect(await console.pane('Driver at B2').textContent()).toMatch(/B2fault2 messages/);
    expect(await console.pane('Operator').textContent()).toMatch(/A1fullB2fault4 messages/);
  });

  it('tells the story of a phone whose result is shown on a page', async () => {
    const console = await signedIn();
    await console.runScenario('Phone to H5 page');
    const [score] = await console.pane('Phone').locator('.huge').allTextContents();
    expect(Number(score)).toBeGreaterThan(0);
    expect(await console.pane('H5 page').locator('.huge').textContent()).toBe(score);
    expect(await console.pane('H5 page').textContent()).toMatch(/from player-\w+/);
  });

  it('tells the story of a slow call whose reply comes over another connection', async () => {
    const console = await signedIn();
    await console.runScenario('Slow call made asynchronous');
    const text = await console.pane('Web page').textContent();
    expect(text).toContain('The report is here');
    expect(text).toContain('1280 rows');
  });

  it('draws the figures of the node as they come', async () => {
    const console = await signedIn();
    await console.show('look');
    const tile = (name: string) => console.page.locator('.tile', { hasText: name }).locator('dd');
    await console.page.getByRole('button', { name: 'Make some traffic' }).click();
    await eventually(
      async () => {
        expect(Number(await tile('Connections').textContent())).toBeGreaterThanOrEqual(7);
        expect(Number(await tile('Deliveries/s').textContent())).toBeGreaterThan(0);
        expect(await tile('Latency p99').textContent()).toMatch(/^[\d.]+ ms$/);
      },
      { within: 10_000 },
    );
    expect(await console.page.locator('.plot canvas').count()).toBe(4);
  });

  it('has the figures again, from one feed, after a feed has ended', async () => {
    const console = await open();
    const { page } = console;
    const once = {
      time: Date.now(),
      connections: 4321,
      logLag: 0.09531300002709031,
      latency: null,
    };
    let asked = 0;
    let release = (): void => undefined;
    const released = new Promise<void>((resolve) => (release = resolve));
    await page.route('**/console/feed', async (route) => {
      asked += 1;
      if (asked > 1) {
        await released;
        return route.continue();
      }
      return route.fulfill({
        contentType: 'text/event-stream',
        body: `data: ${JSON.stringify({ ...ALL_ZERO, ...once })}\n\n`,
      });
    });
    await console.signIn(SERVICE_KEY);
    await console.show('look');
    const tile = (name: string) => page.locator('.tile', { hasText: name }).locator('dd');
    expect(await tile('Lag').textContent()).toBe('0.1 ms');
    await page.locator('.top .pill.waiting').waitFor();
    release();
    await page.locator('.top .pill.good').waitFor();
    expect(await tile('Connections').textContent()).not.toBe('4321');
    const position = await tile('Log position').textContent();
    await console.show('try');
    await page.getByRole('button', { name: 'Send', exact: true }).click();
    await console.show('look');
    await eventually(async () => {
      expect(await tile('Log position').textContent()).not.toBe(position);
    });
    expect(asked).toBe(2);
    expect(await page.locator('.top .pill.good').count()).toBe(1);
  });

  it('says which scope is missing when a key may not look', async () => {
    const console = await ConsolePage.open(browser, gateway.base);
    await console.signIn(TOKEN_ONLY_KEY);
    await console.show('look');
    await console.page.getByText('need a service key with the scope admin').waitFor();
    await console.close();
  });

  it('speaks Chinese when it is chosen, also after a reload', async () => {
    const console = await signedIn();
    await console.page.getByLabel('Language').selectOption('zh');
    await console.page.getByRole('heading', { name: '点五下，看个明白' }).waitFor();
    await console.page.reload();
    await console.page.getByLabel('服务密钥').waitFor();
    expect(await console.page.evaluate('document.documentElement.lang')).toBe('zh-CN');
  });

  it('can be used by keyboard alone, and shows where the focus is', async () => {
    const console = await open();
    const { keyboard } = console.page;
    /** What the focused control says, and how its focus is drawn. */
    const focused = (): Promise<string> =>
      console.page.evaluate(
        `(({ activeElement: at }) => at.matches('button, summary, input, select, a')
          ? at.textContent + ' | ' + getComputedStyle(at).outlineStyle : '')(document)`,
      );
    // The browser focuses it with the first drawing, which may come after the page's `load`.
    await console.page.locator('input[name=key]:focus').waitFor();
    await keyboard.type(SERVICE_KEY);
    await keyboard.press('Enter');
    await console.client('bob').and(console.page.locator('.connected')).waitFor();
    const tabTo = async (text: RegExp): Promise<void> => {
      for (let presses = 0; presses < 40 && !text.test(await focused()); presses += 1)
        await keyboard.press('Tab');
      expect(await focused()).toMatch(text);
      expect(await focused()).toMatch(/\| (solid|auto)$/);
    };
    await tabTo(/Show me: Server → client/);
    await keyboard.press('Enter');
    await console.step('push').and(console.page.locator('.done')).waitFor();
    expect(await focused()).toMatch(/^Again: Server → client/);
    await tabTo(/^Cut the line/);
    await keyboard.press('Space');
    await console.client('alice').and(console.page.locator('.cut')).waitFor();
    await tabTo(/^Mend the line/);
    await keyboard.press('Enter');
    await console.client('alice').and(console.page.locator('.connected')).waitFor();
    await console.frames('alice', 'payment.result').locator('summary').focus();
    await keyboard.press('Enter');
    await console.frames('alice', 'payment.result').locator('pre').waitFor();
    for (const name of ['alice', 'bob']) {
      await console.client(name).getByRole('button', { name: 'Remove' }).focus();
      await keyboard.press('Enter');
      if (name === 'alice')
        await console.client('bob').and(console.page.locator(':focus')).waitFor();
    }
    expect(await focused()).toMatch(/^Connect another client/);
  });

  it.each(['en-US', 'zh-CN'])('fits a phone in %s', async (locale) => {
    const console = await signedIn({ viewport: PHONE, locale });
    for (const view of ['try', 'scenarios', 'look'] as const) {
      await console.show(view);
      await console.page.locator('main h1, main h2').first().waitFor({ state: 'attached' });
      expect(await console.page.evaluate('document.documentElement.scrollWidth')).toBe(PHONE.width);
    }
  });

  it.each(['light', 'dark'] as const)(
    'is accessible as axe sees it, when %s',
    async (colorScheme) => {
      const console = await signedIn({ colorScheme });
      const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
      await console.step('push').getByRole('button').click();
      await console.step('push').and(console.page.locator('.done')).waitFor();
      for (const view of ['try', 'scenarios', 'look'] as const) {
        await console.show(view);
        await console.page.locator('main h1, main h2').first().waitFor({ state: 'attached' });
        await console.page.evaluate(axe);
        const { violations } = await console.page.evaluate<{
          violations: { id: string; nodes: { html: string }[] }[];
        }>('axe.run()');
        const found = violations.map(({ id, nodes }) => `${view} ${id} ${nodes[0]?.html ?? ''}`);
        expect(found).toEqual([]);
      }
    },
  );
});
