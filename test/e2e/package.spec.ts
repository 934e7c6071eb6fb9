import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const TSC = resolve('node_modules/typescript/bin/tsc');
const USE = `connect({
  url: () => 'wss://host/socket/token',
  socket: (url, protocol) => {
    process.stdout.write([url, protocol, typeof WirepostError].join(' '));
    process.exit();
  },
});`;
const TYPED = `import { connect, type Delivered, WirepostError } from 'wirepost/client';
const client = connect({ url: async () => 'wss://host/socket/token' });
client.on<{ status: string }>('payment.result', ({ content, cursor }: Delivered<{ status: string }>) =>
  [content.status.length, cursor.length]);
client.listen('gap', ({ from, to, reason }) => [from, to, reason].join());
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
  ])('gives its types by the resolution %s to %s', async (resolution, name) => {
    writeFileSync(join(folder, name), TYPED);
    const module = resolution === 'bundler' ? 'esnext' : resolution;
    const options = `--noEmit --strict --target es2022 --lib es2022,dom --module ${module} --moduleResolution ${resolution}`;
    await run(process.execPath, [TSC, ...options.split(' '), name], { cwd: folder }).catch(
      (error: unknown) => {
        throw new Error((error as { stdout: string }).stdout);
      },
    );
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
