import { execFile } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

import { codeBlocks } from '../support/code-blocks';
import { eventually } from '../support/eventually';
import { GatewayProcess } from '../support/gateway-process';
import { aQuestion } from '../support/message.builder';
import { TestClient, welcomed } from '../support/test-client';

const run = promisify(execFile);
const TSC = resolve('node_modules/typescript/bin/tsc');
const USE = `connect({
  url: () => 'wss://host/socket/token',
  socket: (url, protocol) => {
    process.stdout.write([url, protocol, typeof WirepostError].join(' '));
    process.exit();
  },
});`;
/** The kind of modules that a resolution goes with, where it has another name. */
const MODULES: Readonly<Record<string, string>> = { bundler: 'esnext', node10: 'commonjs' };
const TYPED = `import { connect, type Delivered, WirepostError } from 'wirepost/client';
const client = connect({ url: async () => 'wss://host/socket/token' });
client.on<{ status: string }>('payment.result', ({ content, cursor }: Delivered<{ status: string }>) =>
  [content.status.length, cursor.length]);
client.listen('gap', ({ from, to, reason }) => [from, to, reason].join());
interface Wish { readonly article: string }
const wish: Wish = { article: 'A-1' };
client.send({ sendType: 'UNICAST', messageType: 'CLIENT_TO_SERVER', businessType: 'shop.wish', content: wish })
  .then(({ messageId }) => messageId.length, () => 0);
client.request<number>('sum', [1, 2]).then(({ content }) => content.toFixed(), (error: unknown) =>
  error instanceof WirepostError && error.retryable);
// @ts-expect-error There is no such event.
client.listen('nothing', () => undefined);
`;

/** What somebody has who installs the package; the SDK needs nothing beside it. */
describe('the package', () => {
  let folder: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'wirepost-package-'));
    const { stdout } = await run('npm', ['pack', '--silent', '--pack-destination', folder]);
    const home = join(folder, 'node_modules/wirepost');
    mkdirSync(home, { recursive: true });
    const tarball = join(folder, stdout.trim());
    await run('tar', ['-xzf', tarball, '-C', home, '--strip-components=1']);
  });
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  it.each([
    ['page.mjs', `import { connect, WirepostError } from 'wirepost/client';\n${USE}`],
    ['page.cjs', `const { connect, WirepostError } = require('wirepost/client');\n${USE}`],
  ])('gives the SDK to %s', async (name, code) => {
    writeFileSync(join(folder, name), code);
    const { stdout } = await run(process.execPath, [name], { cwd: folder, timeout: 10_000 });
    expect(stdout).toBe('wss://host/socket/token wirepost.v1 function');
  });

  it.each([
    ['node16', 'typed.mts'],
    ['node16', 'typed.cts'],
    ['bundler', 'typed.ts'],
    ['node10', 'typed.ts'],
  ])('gives its types by the resolution %s to %s', async (resolution, name) => {
    writeFileSync(join(folder, name), TYPED);
    const module = MODULES[resolution] ?? resolution;
    const options = `--noEmit --strict --target es2022 --lib es2022,dom --module ${module} --moduleResolution ${resolution}`;
    await run(process.execPath, [TSC, ...options.split(' '), name], { cwd: folder }).catch(
      (error: unknown) => {
        throw new Error((error as { stdout: string }).stdout);
      },
    );
  });

  it('embeds a node with handlers of its own, as docs/architecture.md shows', async () => {
    const [text = ''] = codeBlocks('docs/architecture.md', 'ts').filter((one) =>
      one.startsWith('// main.ts'),
    );
    // As npm would install what the package depends on.
    for (const name of readdirSync('node_modules')) {
      const target = join(folder, 'node_modules', name);
      if (!existsSync(target)) symlinkSync(resolve('node_modules', name), target);
    }
    writeFileSync(join(folder, 'main.ts'), text);
    const options =
      '--strict --target es2022 --module node16 --experimentalDecorators --emitDecoratorMetadata';
    await run(process.execPath, [TSC, ...options.split(' '), 'main.ts'], { cwd: folder }).catch(
      (error: unknown) => {
        throw new Error((error as { stdout: string }).stdout);
      },
    );
    const gateway = await GatewayProcess.start({}, { main: join(folder, 'main.js') });
    const client = TestClient.connect(gateway.socketUrl(await gateway.token('buyer')));
    await welcomed(client);
    client.send(aQuestion({ businessType: 'order.price', content: { article: 'A-1' } }));
    await eventually(() => {
      expect(client.contents).toEqual([{ of: { article: 'A-1' }, cents: 4200 }]);
    });
    gateway.signal('SIGTERM');
    expect(await gateway.exited()).toBe(0);
  });

  it('holds what the gateway serves, and neither sources nor tests', async () => {
    const { stdout } = await run('find', ['.', '-type', 'f'], {
      cwd: join(folder, 'node_modules/wirepost'),
    });
    const files = stdout.trim().split('\n');
    expect(files).toEqual(
      expect.arrayContaining([
        './dist/client/wirepost.js',
        './dist/client/wirepost.mjs',
        './dist/console/index.html',
        './dist/main.js',
      ]),
    );
    expect(files.filter((file) => /^\.\/(?!dist\/|[^/]+$)/.test(file))).toEqual([]);
  });
});
