import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

import { TestNode } from '../support/test-node';

const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };

describe('the SDK, as the gateway serves it', () => {
  let node: TestNode;
  beforeAll(async () => {
    node = await TestNode.start({ GLOBAL_PREFIX: '/realtime' });
  });
  afterAll(() => node.stop());

  function load(path: string, headers: Record<string, string> = {}): Promise<Response> {
    return fetch(`${node.base}/realtime/client/${path}`, { headers });
  }

  it.each(['wirepost.js', 'wirepost.mjs'])(
    'is %s for pages of any origin, by no key',
    async (name) => {
      const response = await load(name, { origin: 'https://shop.example.com' });
      expect(response.status).toBe(200);
      expect(Object.fromEntries(response.headers)).toMatchObject({
        'content-type': 'text/javascript; charset=utf-8',
        'access-control-allow-origin': '*',
        'cross-origin-resource-policy': 'cross-origin',
        'x-content-type-options': 'nosniff',
        'cache-control': 'no-cache',
        'content-encoding': 'gzip',
        vary: 'Accept-Encoding',
      });
      expect(await response.text()).toBe(readFileSync(`dist/client/${name}`, 'utf8'));
    },
  );

  it('is immutable under its version, and the same bytes', async () => {
    const [current, pinned] = await Promise.all(
      ['wirepost.js', `${version}/wirepost.js`].map((path) =>
        load(path, { 'accept-encoding': 'identity' }),
      ),
    );
    expect(pinned?.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
    expect(pinned?.headers.get('content-encoding')).toBeNull();
    expect(await pinned?.text()).toBe(await current?.text());
  });

  it('is asked about again by its ETag', async () => {
    for (const encoding of ['gzip', 'identity']) {
      const headers = { 'accept-encoding': encoding };
      const etag = (await load('wirepost.js', headers)).headers.get('etag') ?? '';
      expect(etag).toMatch(/^"[\w.-]+"$/);
      const again = await load('wirepost.js', { ...headers, 'if-none-match': `"other", ${etag}` });
      expect([again.status, await again.text()]).toEqual([304, '']);
      expect((await load('wirepost.js', { 'if-none-match': '"other"' })).status).toBe(200);
    }
  });

  it.each(['index.js', '..%2Fmain.js', '0.0.0/wirepost.js', `${version}/index.js`, ''])(
    'is nothing else: %s',
    async (path) => {
      const response = await load(path);
      expect(response.status).toBe(404);
      expect(response.headers.get('cache-control')).toBe('no-store');
    },
  );

  it('is within reach only under the prefix', async () => {
    expect((await fetch(`${node.base}/client/wirepost.js`)).status).toBe(404);
  });

  it('has an integrity that does not depend on the encoding', async () => {
    const hash = async (encoding: string): Promise<string> => {
      const response = await load('wirepost.js', { 'accept-encoding': encoding });
      return createHash('sha384')
        .update(await response.text())
        .digest('base64');
    };
    expect(await hash('gzip')).toBe(await hash('identity'));
  });
});
