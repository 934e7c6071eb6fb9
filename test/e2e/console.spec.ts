import { readdirSync } from 'node:fs';

import { TestNode } from '../support/test-node';

describe('the console, as the gateway serves it', () => {
  let node: TestNode;
  beforeAll(async () => {
    node = await TestNode.start({
      GLOBAL_PREFIX: '/realtime',
      PUBLIC_URL: 'wss://dws.example.com',
    });
  });
  afterAll(() => node.stop());

  it('is a page that may load only what is beside it and connect to the sockets', async () => {
    const response = await fetch(`${node.base}/realtime/console`);
    expect(response.status).toBe(200);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-cache',
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
    });
    const policy = (response.headers.get('content-security-policy') ?? '').split('; ');
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("script-src 'self'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).toContain("connect-src 'self' wss://dws.example.com");
    expect(policy.join()).not.toMatch(/unsafe|\*|data:/);
  });

  it('names its files by what they hold, relative to itself, and they never change', async () => {
    const html = await (await fetch(`${node.base}/realtime/console`)).text();
    const names = [...html.matchAll(/ (?:src|href)="(console\/[^"]+)"/g)].map(([, name]) => name);
    expect(names.some((name) => /^console\/main-\w{8}\.js$/.test(name ?? ''))).toBe(true);
    for (const name of names) {
      const response = await fetch(new URL(name ?? '', `${node.base}/realtime/console`));
      expect(response.status).toBe(200);
      expect(response.headers.get('cache-control')).toContain('immutable');
    }
    expect(names).toHaveLength(new Set(names).size);
    expect(readdirSync('dist/console')).toEqual(
      expect.arrayContaining(names.map((name) => name?.replace('console/', ''))),
    );
  });

  it.each(['/', '/index.html'])('has one address: %s leads to it', async (end) => {
    const response = await fetch(`${node.base}/realtime/console${end}`);
    expect([response.redirected, response.url]).toEqual([true, `${node.base}/realtime/console`]);
  });

  it('is not there when it is turned off', async () => {
    const off = await TestNode.start({ CONSOLE: 'false' });
    const [name] = readdirSync('dist/console').filter((one) => one.endsWith('.js'));
    for (const path of ['/console', '/console/', `/console/${name ?? ''}`, '/console/feed'])
      expect((await off.get(path)).status).toBe(404);
    await off.stop();
  });
});
