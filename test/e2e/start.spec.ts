import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { runFolder } from '../support/run-folder';
import { eventually } from '../support/eventually';
import { GatewayProcess } from '../support/gateway-process';
import { freePort } from '../support/rabbitmq-node';

const run = promisify(execFile);
const GOOD_SECRET = 'x9Kf2mQ7vLr4TbZ8wNcE5hYdU3jPaS6g';
const GOOD_KEY = 'backend:push:Zx8Kq2Lm5Tv9Bn4Rw7Yc';

describe('the start', () => {
  it.each<[string, Record<string, string>]>([
    ['PORT', { PORT: 'high' }],
    ['HEARTBEAT', { HEARTBEAT: '25' }],
    ['WINDOW_MAX_BYTES', { WINDOW_MAX_BYTES: '1GB' }],
    ['LOG_LEVEL', { LOG_LEVEL: 'loud' }],
    ['AMQP_URL', { AMQP_URL: 'http://localhost' }],
    ['SERVICE_KEYS', { SERVICE_KEYS: 'a:fly:0123456789abcdef' }],
    ['TOKEN_TTL', { TOKEN_TTL: '151s', WINDOW_MAX_AGE: '5m' }],
    ['TLS_KEY_FILE', { TLS_CERT_FILE: '/nowhere/tls.crt' }],
    ['TLS_CERT_FILE', { TLS_KEY_FILE: '/nowhere/tls.key' }],
    ['TLS_CERT_FILE', { TLS_CERT_FILE: '/nowhere/tls.crt', TLS_KEY_FILE: '/nowhere/tls.key' }],
    ['TLS_CERT_FILE', { TLS_CERT_FILE: 'package.json', TLS_KEY_FILE: 'package.json' }],
    [
      'TLS_CERT_FILE',
      {
        TLS_CERT_FILE: '/nowhere/tls.crt',
        TLS_KEY_FILE: '/nowhere/tls.key',
        WORKERS: '2',
        AMQP_URL: 'amqp://nowhere.test',
      },
    ],
    ['JWT_SECRET', { NODE_ENV: 'production', PUBLIC_URL: 'wss://a.b', SERVICE_KEYS: GOOD_KEY }],
    [
      'JWT_SECRET',
      {
        NODE_ENV: 'production',
        PUBLIC_URL: 'wss://a.b',
        SERVICE_KEYS: GOOD_KEY,
        JWT_SECRET: 'Tq7',
      },
    ],
    [
      'JWT_SECRET',
      {
        NODE_ENV: 'production',
        PUBLIC_URL: 'wss://a.b',
        SERVICE_KEYS: GOOD_KEY,
        JWT_SECRET: 'secret'.repeat(6),
      },
    ],
    ['JWT_SECRET', { JWT_SECRET: 'not-so-long' }],
    ['JWT_SECRET', { NODE_ENV: 'test', JWT_SECRET: 'secret'.repeat(6) }],
    ['SERVICE_KEYS', { NODE_ENV: 'production', PUBLIC_URL: 'wss://a.b', JWT_SECRET: GOOD_SECRET }],
    ['PUBLIC_URL', { NODE_ENV: 'production', SERVICE_KEYS: GOOD_KEY, JWT_SECRET: GOOD_SECRET }],
    [
      'PUBLIC_URL',
      {
        NODE_ENV: 'production',
        PUBLIC_URL: 'ws://a.example.com',
        SERVICE_KEYS: GOOD_KEY,
        JWT_SECRET: GOOD_SECRET,
      },
    ],
  ])(
    'refuses a wrong %s with one sentence that names it and not its value: %j',
    async (name, env) => {
      const gateway = await GatewayProcess.spawn(env);
      expect(await gateway.exited()).toBe(78);
      const lines = gateway.text.trim().split('\n');
      expect(lines).toHaveLength(1);
      expect(lines[0]).toMatch(new RegExp(`^Wirepost does not start: ${name}\\b.*\\.$`));
      for (const value of Object.values(env)) {
        if (value.length > 8 && value !== 'production') expect(gateway.text).not.toContain(value);
      }
    },
  );

  it('gives up after a bounded wait for a broker that is not there, and names the setting', async () => {
    const gateway = await GatewayProcess.spawn({
      AMQP_URL: `amqp://user:marmalade@127.0.0.1:${String(await freePort())}`,
      CONNECT_TIMEOUT: '1s',
    });
    expect(await gateway.exited()).toBe(1);
    expect(gateway.text).toContain(
      'Wirepost does not start: no broker at AMQP_URL answered within 1 s',
    );
    expect(gateway.text).not.toContain('marmalade');
  });

  it('names the setting, and logs nothing else, when it cannot listen', async () => {
    const first = await GatewayProcess.start({});
    for (const [sentence, env] of [
      ['HOST must be .*\\((?:ENOTFOUND|EAI_AGAIN)\\)', { HOST: 'nowhere.invalid' }],
      ['HOST must be .*\\(EADDRNOTAVAIL\\)', { HOST: '192.0.2.1' }],
      ['PORT must be free.*\\(EADDRINUSE\\)', { PORT: String(first.port) }],
    ] as const) {
      const gateway = await GatewayProcess.spawn({ ...env });
      expect(await gateway.exited()).toBe(1);
      expect(gateway.text).toMatch(new RegExp(`^Wirepost does not start: ${sentence}\\.\n$`));
    }
    await first.kill9();
  });

  it('runs with secrets set in production and logs JSON without them', async () => {
    const gateway = await GatewayProcess.spawn({
      NODE_ENV: 'production',
      PUBLIC_URL: 'wss://a.b',
      SERVICE_KEYS: GOOD_KEY,
      JWT_SECRET: GOOD_SECRET,
      LOG_LEVEL: 'log',
    });
    await eventually(
      async () => {
        expect((await fetch(`${gateway.base}/health/ready`)).status).toBe(200);
      },
      { within: 15_000 },
    );
    gateway.signal('SIGTERM');
    expect(await gateway.exited()).toBe(0);
    expect(gateway.text).not.toContain(GOOD_SECRET);
    expect(gateway.text).not.toContain('Zx8Kq2Lm5Tv9Bn4Rw7Yc');
    expect(JSON.parse(gateway.text.split('\n')[0] ?? '')).toMatchObject({ level: 'log' });
  });

  it('leads through the README’s tour as printed', async () => {
    const gateway = await GatewayProcess.spawn({});
    await eventually(
      async () => {
        expect((await fetch(`${gateway.base}/health/ready`)).status).toBe(200);
        expect(gateway.text).toContain('service key');
      },
      { within: 15_000 },
    );
    const key = /dev-[\w-]+/.exec(gateway.text)?.[0] ?? '';
    const readme = readFileSync('README.md', 'utf8');
    const blocks = [...readme.matchAll(/```sh\n([\s\S]*?)```/g)].map((match) => match[1] ?? '');
    expect(blocks).toHaveLength(6);
    const seen = join(mkdtempSync(join(runFolder(), 'tour-')), 'seen.log');
    const until = (text: string): string => `until grep -qs ${text} ${seen}; do sleep 0.1; done`;
    const script = blocks
      .join('\n')
      .replace(/^KEY=.*$/m, `KEY=${key}`)
      // What a person reads off the screen: wait until it is there.
      .replace(/^kill \$!$/m, () => `${until('A-1')}\nkill $!`)
      .replace(/^CURSOR=.*$/m, `CURSOR=$(sed 's/.*"cursor":"//; s/".*//' ${seen})`)
      .replaceAll('localhost:8086', `127.0.0.1:${String(gateway.port)}`)
      .replaceAll('ws://localhost', 'ws://127.0.0.1')
      .replaceAll('" &\n', `" >> ${seen} &\n`);
    const { stdout } = await run('bash', ['-c', `${script}\n${until('A-2')}\nkill $!`], {
      timeout: 20_000,
    });
    const bodies = readFileSync(seen, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { content: { orderId: string } });
    expect(bodies.map((body) => body.content.orderId)).toEqual(['A-1', 'A-2']);
    expect(stdout.match(/"result":0/g)).toHaveLength(2);
    gateway.signal('SIGTERM');
    await gateway.exited();
  });
});
