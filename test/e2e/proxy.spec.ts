import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import { join } from 'node:path';

import { type ClientOptions, WebSocket } from 'ws';

import { SCHEMA } from '../../src/settings';
import { selfSigned } from '../support/certificate';
import { runFolder } from '../support/run-folder';
import { eventually } from '../support/eventually';
import { aBody } from '../support/message.builder';
import { freePort } from '../support/rabbitmq-node';
import { onSharedBroker } from '../support/shared-broker';
import { SERVICE_KEY, TestNode } from '../support/test-node';
import { tokenOf } from '../support/token-of';

/** A configuration of docker/proxy with the names of the containers replaced by addresses of this machine. */
function configuration(
  file: string,
  { folder, port }: Place,
  gateways: readonly TestNode[],
): string {
  return gateways
    .reduce(
      (text, { app }, i) =>
        text.replaceAll(`gateway-${String(i + 1)}:8086`, `127.0.0.1:${String(app.port)}`),
      readFileSync(join('docker/proxy', file), 'utf8'),
    )
    .replace('listen 443', `listen 127.0.0.1:${String(port)}`)
    .replaceAll('/etc/nginx/certs', folder)
    .replace('/dev/stdout', join(folder, 'access.log'))
    .replaceAll('/dev/stderr', join(folder, 'error.log'))
    .replace('worker_rlimit_nofile 200000;', '')
    .replace('worker_connections 100000;', 'worker_connections 1000;');
}

interface Place {
  readonly folder: string;
  readonly port: number;
}

/** nginx with a certificate of its own. */
class Proxy {
  private constructor(
    readonly folder: string,
    readonly port: number,
    private readonly nginx: ChildProcess,
  ) {}

  static async start(file: string, gateways: readonly TestNode[]): Promise<Proxy> {
    const place = {
      folder: mkdtempSync(join(runFolder(), 'proxy-')),
      port: await freePort(),
    };
    const { folder } = place;
    mkdirSync(join(folder, 'logs'));
    selfSigned(folder);
    writeFileSync(join(folder, 'nginx.conf'), configuration(file, place, gateways));
    const global = `daemon off; pid ${folder}/pid; error_log ${folder}/error.log;`;
    const args = ['-p', folder, '-c', join(folder, 'nginx.conf'), '-g', global];
    return new Proxy(folder, place.port, spawn('/usr/sbin/nginx', args, { stdio: 'ignore' }));
  }

  stop(): void {
    this.nginx.kill('SIGTERM');
  }

  /** What a service key of the node gets. */
  status(path: string): Promise<number | undefined> {
    return new Promise((resolve, reject) => {
      const headers = { authorization: `Bearer ${SERVICE_KEY}` };
      const options = { port: this.port, path, headers, rejectUnauthorized: false };
      https
        .get({ host: '127.0.0.1', ...options }, (answer) => {
          answer.resume();
          resolve(answer.statusCode);
        })
        .on('error', reject);
    });
  }

  /** The status of a handshake; the socket stays open after 101. */
  handshake(path: string, options: ClientOptions = {}): Promise<number | undefined> {
    return new Promise((resolve, reject) => {
      new WebSocket(`wss://127.0.0.1:${String(this.port)}${path}`, {
        rejectUnauthorized: false,
        ...options,
      })
        .on('upgrade', ({ statusCode }) => {
          resolve(statusCode);
        })
        .on('unexpected-response', (_, { statusCode }) => {
          resolve(statusCode);
        })
        .on('error', reject);
    });
  }

  /** All that it has logged. */
  get logs(): string {
    return ['access.log', 'error.log']
      .map((name) => readFileSync(join(this.folder, name), 'utf8'))
      .join('\n');
  }

  /** Connects by wss as soon as the proxy listens; what comes is put into `contents`. */
  async connect(path: string, contents: unknown[]): Promise<void> {
    await eventually(
      () =>
        new Promise<void>((resolve, reject) => {
          const ws = new WebSocket(`wss://127.0.0.1:${String(this.port)}${path}`, {
            rejectUnauthorized: false,
          });
          ws.on('message', (data) =>
            contents.push(
              (JSON.parse((data as Buffer).toString()) as { content: unknown }).content,
            ),
          );
          ws.on('open', resolve);
          ws.on('error', reject);
        }),
    );
  }
}

describe('a gateway that trusts the TLS proxy of docker/', () => {
  let gateway: TestNode;
  let proxy: Proxy;
  beforeAll(async () => {
    gateway = await TestNode.start({ MAX_IP_CONNECTIONS: '1', TRUSTED_PROXIES: '127.0.0.1' });
    proxy = await Proxy.start('nginx.conf', [gateway, gateway]);
    await eventually(async () => {
      expect(await proxy.status('/health/live')).toBe(200);
    });
  });
  afterAll(async () => {
    proxy.stop();
    await gateway.stop();
  });

  async function handshake(localAddress: string, forwarded: string): Promise<number | undefined> {
    const { pathname } = new URL(await gateway.url('u'));
    const headers = { 'x-forwarded-for': forwarded };
    return proxy.handshake(pathname, { localAddress, headers });
  }

  it('counts connections by the address that the proxy saw, not by one that a client names', async () => {
    expect(await handshake('127.0.0.2', '198.51.100.1')).toBe(101);
    expect(await handshake('127.0.0.2', '198.51.100.2')).toBe(429);
    expect(await handshake('127.0.0.3', '198.51.100.1')).toBe(101);
  });
});

describe('two gateways behind the TLS proxy of docker/', () => {
  let gateways: TestNode[];
  let proxy: Proxy;
  beforeAll(async () => {
    const env = onSharedBroker();
    gateways = [await TestNode.start(env), await TestNode.start(env)];
    proxy = await Proxy.start('nginx.conf', gateways);
  });
  afterAll(async () => {
    proxy.stop();
    await Promise.all(gateways.map((gateway) => gateway.stop()));
  });

  it('connect browsers by wss, deliver across nodes and write no token into the proxy’s log', async () => {
    const tokens: string[] = [];
    const received = [0, 1, 2, 3].map(() => [] as unknown[]);
    for (const messages of received) {
      const url = (await gateways[0]?.url('behind')) ?? '';
      const token = tokenOf(url);
      tokens.push(token);
      await proxy.connect(`/socket/${token}`, messages);
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
    for (const token of tokens) expect(proxy.logs).not.toContain(token);
  });
});

describe.each(['nginx.conf', 'partitions.conf'])('gateways behind docker/proxy/%s', (file) => {
  const SOCKETS = 20;
  const partitioned = file === 'partitions.conf';
  const gateways: TestNode[] = [];
  let proxy: Proxy;
  const start = (port = 0): Promise<TestNode> =>
    TestNode.start({
      ...onSharedBroker(),
      PORT: String(port),
      ...(partitioned && { LOG_PARTITIONS: '2', PUBLIC_URL: 'wss://localhost/p{partition}' }),
    });
  beforeAll(async () => {
    gateways.push(await start(), await start());
    // Those of the other partition are not asked for anything.
    proxy = await Proxy.start(file, partitioned ? [...gateways, ...gateways] : gateways);
    await eventually(async () => {
      expect(await proxy.status('/health/live')).toBe(200);
    });
  });
  afterAll(async () => {
    proxy.stop();
    await Promise.all(gateways.map((gateway) => gateway.stop()));
  });

  const tokens: string[] = [];
  /** Of u0, who belongs to partition 0. */
  async function tokenFrom(gateway: TestNode | undefined): Promise<string> {
    const token = tokenOf((await gateway?.url('u0')) ?? '');
    tokens.push(token);
    return `${partitioned ? '/p0' : ''}/socket/${token}`;
  }

  it('let clients in at the one that is up while one after the other is restarted', async () => {
    for (const [restarted, up] of [
      [0, 1],
      [1, 0],
    ] as const) {
      const port = gateways[restarted]?.app.port;
      await gateways[restarted]?.stop();
      const statuses: (number | undefined)[] = [];
      for (let i = 0; i < SOCKETS; i += 1)
        statuses.push(await proxy.handshake(await tokenFrom(gateways[up])));
      gateways[restarted] = await start(port);
      expect(statuses).toEqual(Array.from({ length: SOCKETS }, () => 101));
    }
  }, 30_000);

  it('leave no token in a log of the proxy’s when none of them is up', async () => {
    const paths = [await tokenFrom(gateways[0]), await tokenFrom(gateways[1])];
    // Of a client without the way of its partition.
    const [path = ''] = paths;
    paths.push(path.replace('/p0', ''));
    await Promise.all(gateways.map((gateway) => gateway.stop()));
    for (const one of paths) expect(await proxy.handshake(one)).toBe(502);
    expect(await proxy.status('/health/live')).toBe(502);
    expect(proxy.logs).toContain('GET 502');
    expect(proxy.logs).toContain('"GET /health/live HTTP/1.1"');
    for (const token of tokens) expect(proxy.logs).not.toContain(token);
  });
});

describe('two partitions behind the TLS proxy of docker/', () => {
  let gateways: TestNode[];
  let proxy: Proxy;
  beforeAll(async () => {
    const env = {
      ...onSharedBroker(),
      PUBLIC_URL: 'wss://localhost/p{partition}',
      LOG_PARTITIONS: '2',
    };
    gateways = [];
    for (const LOG_PARTITION of ['0', '0', '1', '1'])
      gateways.push(await TestNode.start({ ...env, LOG_PARTITION }));
    proxy = await Proxy.start('partitions.conf', gateways);
  });
  afterAll(async () => {
    proxy.stop();
    await Promise.all(gateways.map((gateway) => gateway.stop()));
  });

  it('are reached by paths of one host', async () => {
    const paths = new Set<string>();
    for (const user of ['u0', 'u1', 'u4', 'u5']) {
      const url = `/websocket/token?uniqueId=${user}&clientType=H5`;
      const { pathname } = new URL((await gateways[0]?.get<string>(url))?.data ?? '');
      paths.add(pathname.slice(0, '/p0/socket/'.length));
      const contents: unknown[] = [];
      await proxy.connect(pathname, contents);
      await gateways[3]?.push(aBody({ toUniqueId: user, content: user }));
      await eventually(() => {
        expect(contents).toEqual([user]);
      });
    }
    expect([...paths].sort()).toEqual(['/p0/socket/', '/p1/socket/']);
    for (const path of ['/metrics', '/p0/metrics', '/p1/metrics'])
      expect(await proxy.status(path)).toBe(404);
    expect(await proxy.status('/p1/health/live')).toBe(200);
  });
});

describe('docker/compose.rabbitmq-4.yaml', () => {
  it('changes a service that there is, and mounts a file that there is', () => {
    const read = (file: string): string => readFileSync(join('docker', file), 'utf8');
    const services = (text: string): string[] =>
      [...text.slice(text.indexOf('services:')).matchAll(/^ {2}([\w-]+):$/gm)].map(
        (match) => match[1] ?? '',
      );
    const file = read('compose.rabbitmq-4.yaml');
    expect(services(read('compose.yaml'))).toEqual(expect.arrayContaining(services(file)));
    const [, mounted = ''] = /- \.\/(\S+?):/.exec(file) ?? [];
    expect(read(mounted)).toContain('delivery_limit');
  });
});

describe.each(['compose.yaml', 'compose.partitions.yaml'])('docker/%s', (file) => {
  it('gives the gateways only settings that exist', () => {
    const text = readFileSync(join('docker', file), 'utf8');
    const block = /x-gateway:[\s\S]*?environment:\n((?: {4}\S.*\n)+)/.exec(text)?.[1] ?? '';
    const keys = [...block.matchAll(/^ {4}([A-Z_]+):/gm)].map((match) => match[1] ?? '');
    expect(keys).toContain('AMQP_URL');
    for (const key of keys) expect(Object.keys(SCHEMA.shape)).toContain(key);
  });
});
