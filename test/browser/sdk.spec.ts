import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

import type { Browser, BrowserContext, Page } from 'playwright-core';

import { complaintsOf, launchBrowser, PageServer } from '../support/browser';
import { eventually } from '../support/eventually';
import { GatewayProcess } from '../support/gateway-process';
import { aBody, aQuestion } from '../support/message.builder';
import { freePort } from '../support/rabbitmq-node';
import { onSharedBroker } from '../support/shared-broker';
import { TestHandlersModule } from '../support/test-handlers';
import { JWT_SECRET, SERVICE_KEY, TestNode } from '../support/test-node';

/** The page's application: keeps what it was given over a reload, as a shop's page would. */
const APPLICATION = `
  const kept = window.area ?? sessionStorage;
  window.seen = JSON.parse(sessionStorage.getItem('seen') ?? '[]');
  window.events = [];
  window.client = wirepost.connect({ url: () => tokenUrl(), storage: kept });
  client.on('*', ({ content }) => {
    seen.push(content);
    sessionStorage.setItem('seen', JSON.stringify(seen));
  });
  for (const name of ['connected', 'disconnected', 'resumed', 'gap', 'rejected', 'error'])
    client.listen(name, (event) => events.push({ name, ...event }));
`;

function upTo(n: number): number[] {
  return Array.from({ length: n }, (_, i) => i);
}

function seenBy(page: Page): Promise<unknown> {
  return page.evaluate('seen');
}

function eventsOf(page: Page, name: string): Promise<Record<string, unknown>[]> {
  return page.evaluate(`events.filter((event) => event.name === '${name}')`);
}

describe('a page in Chromium', () => {
  let browser: Browser;
  let node: TestNode;
  const contexts: BrowserContext[] = [];
  const backend = new PageServer();
  beforeAll(async () => {
    browser = await launchBrowser();
    await backend.start();
    node = await TestNode.start({}, [TestHandlersModule]);
  });
  afterEach(() => Promise.all(contexts.splice(0).map((context) => context.close())));
  afterAll(async () => {
    await browser.close();
    backend.stop();
    await node.stop();
  });

  /** A browser profile of its own. */
  async function profile(): Promise<BrowserContext> {
    const context = await browser.newContext();
    contexts.push(context);
    return context;
  }

  /** The address of a page with the application, for a user of the name. */
  function application(name: string, grants: Record<string, unknown> = {}, before = ''): string {
    const url = (): Promise<string> => node.url(name, grants);
    return backend.add(name, { url, sdk: node.base, script: before + APPLICATION });
  }

  async function connected(page: Page): Promise<void> {
    await page.waitForFunction(`client.state === 'connected'`);
  }

  it('needs nothing but new WebSocket(url)', async () => {
    const context = await profile();
    const url = backend.add('plain', {
      url: () => node.url('plain'),
      script: `window.bodies = [];
        tokenUrl().then((url) => {
          window.socket = new WebSocket(url);
          socket.onmessage = ({ data }) => bodies.push(JSON.parse(data));
        });`,
    });
    const page = await context.newPage();
    const complaints = complaintsOf(page);
    await page.goto(url);
    await page.waitForFunction('window.socket?.readyState === 1');
    await node.push(aBody({ toUniqueId: 'plain', content: { status: 'PAID' } }));
    await page.evaluate(
      `socket.send(JSON.stringify(${JSON.stringify(aQuestion({ businessType: 'test.echo', content: 'asked' }))}))`,
    );
    await eventually(async () => {
      expect(await page.evaluate('bodies.map(({ content }) => content)')).toEqual([
        { status: 'PAID' },
        'asked',
      ]);
    });
    expect(complaints).toEqual([]);
  });

  it('loads the SDK of a version with integrity, and as a module', async () => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
    const hash = createHash('sha384').update(readFileSync('dist/client/wirepost.js'));
    const page = await (await profile()).newPage();
    const complaints = complaintsOf(page);
    await page.goto(backend.add('integrity', { url: () => node.url('integrity'), script: '' }));
    await page.evaluate(`new Promise((resolve, reject) => {
      const script = document.createElement('script');
      Object.assign(script, {
        src: '${node.base}/client/${version}/wirepost.js',
        integrity: 'sha384-${hash.digest('base64')}',
        crossOrigin: 'anonymous',
        onload: resolve,
        onerror: () => reject(new Error('not loaded')),
      });
      document.head.append(script);
    })`);
    expect(
      await page.evaluate(
        `import('${node.base}/client/wirepost.mjs').then((m) => [Object.keys(m), Object.keys(wirepost)])`,
      ),
    ).toEqual([
      ['Client', 'WirepostError', 'connect'],
      ['Client', 'WirepostError', 'connect'],
    ]);
    expect(complaints).toEqual([]);
  });

  it('asks, is pushed to and hears other clients with the SDK', async () => {
    const context = await profile();
    const page = await context.newPage();
    const complaints = complaintsOf(page);
    await page.goto(application('kinds', { clientToClient: true }));
    await connected(page);
    await node.push(aBody({ toUniqueId: 'kinds', content: 'pushed' }));
    expect(
      await page.evaluate(`client.request('test.echo', 'asked').then(({ content }) => content)`),
    ).toBe('asked');
    await page.evaluate(
      `client.send({ sendType: 'UNICAST', messageType: 'CLIENT_TO_CLIENT', businessType: 'note', toUniqueId: 'kinds', content: 'to myself' })`,
    );
    await eventually(async () => {
      expect(await seenBy(page)).toEqual(['pushed', 'to myself']);
    });
    expect(complaints).toEqual([]);
  });

  it('loses nothing and gets nothing twice when it is reloaded mid-stream', async () => {
    const context = await profile();
    const page = await context.newPage();
    const url = application('reload');
    await page.goto(url);
    await connected(page);
    let count = 0;
    let reloads = 0;
    const pushing = (async () => {
      for (; count < 600 || reloads < 3; count += 1)
        await node.push(aBody({ toUniqueId: 'reload', content: count }));
    })();
    const done = pushing.then(() => true);
    while (!(await Promise.race([done, page.reload().then(() => false)]))) reloads += 1;
    await page.waitForLoadState();
    await eventually(
      async () => {
        expect(await seenBy(page)).toEqual(upTo(count));
      },
      { within: 15_000 },
    );
  });

  it('goes on after it was offline', async () => {
    const context = await profile();
    const page = await context.newPage();
    await page.goto(application('offline'));
    await connected(page);
    await node.push(aBody({ toUniqueId: 'offline', content: 0 }));
    await eventually(async () => {
      expect(await seenBy(page)).toEqual([0]);
    });
    await context.setOffline(true);
    // Chromium leaves open sockets alone when it goes offline; a real network takes them away.
    await page.evaluate('client.reconnect()');
    await eventually(
      async () => {
        expect(await page.evaluate('client.state')).toBe('waiting');
        expect((await eventsOf(page, 'disconnected')).length).toBeGreaterThanOrEqual(2);
      },
      { within: 15_000 },
    );
    for (const content of [1, 2, 3]) await node.push(aBody({ toUniqueId: 'offline', content }));
    expect(await seenBy(page)).toEqual([0]);
    await context.setOffline(false);
    await eventually(async () => {
      expect(await seenBy(page)).toEqual([0, 1, 2, 3]);
    });
    expect(await eventsOf(page, 'gap')).toEqual([]);
  });

  it('shares a profile with other tabs, each with a position of its own', async () => {
    const context = await profile();
    const url = application('tabs', {}, 'window.area = localStorage;');
    const pages = [await context.newPage(), await context.newPage()];
    for (const page of pages) {
      await page.goto(url);
      await connected(page);
    }
    const [one, two] = pages;
    if (one === undefined || two === undefined) throw new Error('no pages');
    for (const content of [0, 1]) await node.push(aBody({ toUniqueId: 'tabs', content }));
    await eventually(async () => {
      for (const page of pages) expect(await seenBy(page)).toEqual([0, 1]);
    });
    // One tab is away while the other goes on.
    await one.goto('about:blank');
    for (const content of [2, 3]) await node.push(aBody({ toUniqueId: 'tabs', content }));
    await eventually(async () => {
      expect(await seenBy(two)).toEqual([0, 1, 2, 3]);
    });
    expect(
      await two.evaluate(`client.request('test.echo', 'mine').then(({ content }) => content)`),
    ).toBe('mine');
    await one.goto(url);
    await two.reload();
    await node.push(aBody({ toUniqueId: 'tabs', content: 4 }));
    await eventually(async () => {
      for (const page of pages) expect(await seenBy(page)).toEqual([0, 1, 2, 3, 4]);
    });
  });

  it('stops for ever after a terminal close', async () => {
    const context = await profile();
    const page = await context.newPage();
    const watch = `const Native = WebSocket;
      window.opened = 0;
      window.WebSocket = function (url, protocol) {
        opened += 1;
        return (window.raw = new Native(url, protocol));
      };`;
    await page.goto(application('abusive', {}, watch));
    await connected(page);
    await page.evaluate(`for (let i = 0; i < 10; i += 1) raw.send('nonsense')`);
    await page.waitForFunction(`client.state === 'closed'`);
    expect(await eventsOf(page, 'disconnected')).toEqual([
      { name: 'disconnected', code: 4500, reason: 'too many bad frames' },
    ]);
    await page.evaluate(`window.dispatchEvent(new Event('online')); client.reconnect()`);
    expect(await page.evaluate('[opened, client.state]')).toEqual([1, 'closed']);
  });

  it.each(['SIGTERM', 'SIGKILL'] as const)(
    'goes on where it was when the server is restarted by %s',
    async (signal) => {
      const env = {
        ...onSharedBroker(),
        NODE_ENV: 'test',
        PORT: String(await freePort()),
        SERVICE_KEYS: `all:token+push+admin:${SERVICE_KEY}`,
        JWT_SECRET,
        DRAIN_TIMEOUT: '0s',
      };
      let gateway = await GatewayProcess.start(env);
      const authorization = `Bearer ${SERVICE_KEY}`;
      const push = (content: unknown): Promise<Response> =>
        fetch(`${gateway.base}/websocket/push`, {
          method: 'POST',
          headers: { authorization, 'content-type': 'application/json' },
          body: JSON.stringify(aBody({ toUniqueId: 'restart', content })),
        });
      const url = async (): Promise<string> => {
        const query = 'uniqueId=restart&clientType=H5';
        const answer = await fetch(`${gateway.base}/websocket/token?${query}`, {
          headers: { authorization },
        });
        return ((await answer.json()) as { data: string }).data;
      };
      const context = await profile();
      const page = await context.newPage();
      await page.goto(backend.add('restart', { url, sdk: gateway.base, script: APPLICATION }));
      await connected(page);
      for (const content of [0, 1]) expect((await push(content)).status).toBe(202);
      gateway.signal(signal);
      await gateway.exited();
      gateway = await GatewayProcess.start(env);
      for (const content of [2, 3]) expect((await push(content)).status).toBe(202);
      await eventually(
        async () => {
          expect(await seenBy(page)).toEqual([0, 1, 2, 3]);
        },
        { within: 25_000 },
      );
      expect(await eventsOf(page, 'gap')).toEqual([]);
      expect((await eventsOf(page, 'resumed')).length).toBeGreaterThanOrEqual(1);
      await gateway.kill9();
    },
  );
});
