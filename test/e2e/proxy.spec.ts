import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { WebSocket } from 'ws';

import { SCHEMA } from '../../src/settings';
import { eventually } from '../support/eventually';
import { aBody } from '../support/message.builder';
import { freePort } from '../support/rabbitmq-node';
import { onSharedBroker } from '../support/shared-broker';
import { TestNode } from '../support/test-node';

/** docker/proxy/nginx.conf with the names of the containers replaced by addresses of this machine. */
function configuration(folder: string, port: number, gateways: readonly TestNode[]): string {
  const [one, other] = gateways.map((node) => `127.0.0.1:${String(node.app.port)}`);
  return readFileSync('docker/proxy/nginx.conf', 'utf8')
    .replace('gateway-1:8086', String(one))
    .replace('gateway-2:8086', String(other))
    .replace('listen 443', `listen 127.0.0.1:${String(port)}`)
    .replaceAll('/etc/nginx/certs', folder)
    .replace('/dev/stdout', join(folder, 'access.log'))
    .replace('worker_rlimit_nofile 200000;', '')
    .replace('worker_connections 100000;', 'worker_connections 1000;');
}

describe('two gateways behind the TLS proxy of docker/', () => {
  const folder = mkdtempSync(join(tmpdir(), 'wirepost-proxy-'));
  let gateways: TestNode[];
  let nginx: ChildProcess;
  let port: number;
  beforeAll(async () => {
    const env = onSharedBroker();
    gateways = [await TestNode.start(env), await TestNode.start(env)];
    port = await freePort();
    mkdirSync(join(folder, 'logs'));
    const subject = ['-subj', '/CN=localhost', '-days', '1', '-nodes', '-newkey', 'rsa:2048'];
    const files = ['-keyout', join(folder, 'tls.key'), '-out', join(folder, 'tls.crt')];
    execFileSync('openssl', ['req', '-x509', ...subject, ...files], { stdio: 'ignore' });
    writeFileSync(join(folder, 'nginx.conf'), configuration(folder, port, gateways));
    const global = `daemon off; pid ${folder}/pid; error_log ${folder}/error.log;`;
    nginx = spawn(
      '/usr/sbin/nginx',
      ['-p', folder, '-c', join(folder, 'nginx.conf'), '-g', global],
      { stdio: 'ignore' },
    );
  });
  afterAll(async () => {
    nginx.kill('SIGTERM');
    await Promise.all(gateways.map((gateway) => gateway.stop()));
  });

  it('connect browsers by wss, deliver across nodes and write no token into the proxy’s log', async () => {
    const tokens: string[] = [];
    const received = [0, 1, 2, 3].map(() => [] as unknown[]);
    for (const messages of received) {
      const url = (await gateways[0]?.url('behind')) ?? '';
      const token = url.slice(url.lastIndexOf('/') + 1);
      tokens.push(token);
      await eventually(
        () =>
          new Promise<void>((resolve, reject) => {
            const ws = new WebSocket(`wss://127.0.0.1:${String(port)}/socket/${token}`, {
              rejectUnauthorized: false,
            });
            ws.on('message', (data) =>
              messages.push(
                (JSON.parse((data as Buffer).toString()) as { content: unknown }).content,
              ),
            );
            ws.on('open', resolve);
            ws.on('error', reject);
          }),
      );
    }
    await gateways[1]?.push(aBody({ toUniqueId: 'behind', content: 'through TLS' }));
    await eventually(() => {
      for (const messages of received) expect(messages).toEqual(['through TLS']);
    });
    const gauges = await Promise.all(gateways.map((gateway) => gateway.get('/metrics')));
    const open = gauges.map((answer) =>
      Number(/^wirepost_connections (\d+)/m.exec(answer.description)?.[1]),
    );
    expect(open.every((count) => count > 0)).toBe(true);
    const log =
      readFileSync(join(folder, 'access.log'), 'utf8') +
      readFileSync(join(folder, 'error.log'), 'utf8');
    for (const token of tokens) expect(log).not.toContain(token);
  });
});

describe('docker/compose.yaml', () => {
  it('gives the gateways only settings that exist', () => {
    const text = readFileSync('docker/compose.yaml', 'utf8');
    const block = /x-gateway:[\s\S]*?environment:\n((?: {4}\S.*\n)+)/.exec(text)?.[1] ?? '';
    const keys = [...block.matchAll(/^ {4}([A-Z_]+):/gm)].map((match) => match[1] ?? '');
    expect(keys).toContain('AMQP_URL');
    for (const key of keys) expect(Object.keys(SCHEMA.shape)).toContain(key);
  });
});
