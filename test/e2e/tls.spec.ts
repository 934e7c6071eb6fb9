import { execFile } from 'node:child_process';
import { randomUUID, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { type AddressInfo, connect as tcp } from 'node:net';
import { join } from 'node:path';
import { connect as tls, type ConnectionOptions } from 'node:tls';
import { promisify } from 'node:util';

import { selfSigned } from '../support/certificate';
import { eventually } from '../support/eventually';
import { GatewayProcess } from '../support/gateway-process';
import { IMAGE_NODE } from '../support/image-node';
import { aBody } from '../support/message.builder';
import { runFolder } from '../support/run-folder';
import { onSharedBroker } from '../support/shared-broker';
import { admitted, TestClient } from '../support/test-client';
import { JWT_SECRET, SERVICE_KEY, TestNode } from '../support/test-node';

const run = promisify(execFile);
const STARTED = 30_000;

interface Answered {
  readonly status: number | undefined;
  readonly hsts: string | undefined;
  readonly text: string;
}

/** A gateway that speaks TLS by itself, and its certificate. */
class SecureGateway {
  private constructor(
    readonly process: GatewayProcess,
    readonly files: { readonly key: string; readonly cert: string },
    private readonly folder: string,
  ) {}

  static async start(
    env: Readonly<Record<string, string>> = {},
    node?: string,
  ): Promise<SecureGateway> {
    const folder = mkdtempSync(join(runFolder(), 'tls-'));
    const files = selfSigned(folder);
    const gateway = await GatewayProcess.spawn(
      {
        SERVICE_KEYS: `all:token+push+admin:${SERVICE_KEY}`,
        JWT_SECRET,
        TLS_CERT_FILE: files.cert,
        TLS_KEY_FILE: files.key,
        ...env,
      },
      { node },
    );
    const secure = new SecureGateway(gateway, files, folder);
    await eventually(
      async () => {
        expect((await secure.ask('GET', '/health/ready')).status).toBe(200);
        expect(gateway.text).toContain('health/ready');
      },
      { within: STARTED, every: 100 },
    );
    return secure;
  }

  /** Puts another certificate, and its key, in place of the former one. */
  renewFiles(): void {
    selfSigned(this.folder);
  }

  get ca(): Buffer {
    return readFileSync(this.files.cert);
  }

  /** The number of the certificate in the file. */
  get serial(): string {
    return new X509Certificate(this.ca).serialNumber;
  }

  /** The number of the certificate that a new connection is shown. */
  async servedSerial(): Promise<string> {
    const { socket } = await this.shakeHands({});
    const { serialNumber } = socket.getPeerCertificate();
    socket.destroy();
    return serialNumber;
  }

  /** Resolves when the handshake is done, rejects when it is refused. */
  shakeHands(options: ConnectionOptions): Promise<{ socket: ReturnType<typeof tls> }> {
    return new Promise((resolve, reject) => {
      const { port } = this.process;
      const how = { host: '127.0.0.1', port, rejectUnauthorized: false, ...options };
      const socket = tls(how, () => {
        resolve({ socket });
      });
      socket.once('error', reject);
    });
  }

  ask(method: string, path: string, body?: unknown): Promise<Answered> {
    return new Promise((resolve, reject) => {
      const { port } = this.process;
      const headers = {
        authorization: `Bearer ${SERVICE_KEY}`,
        'content-type': 'application/json',
        connection: 'close',
      };
      const options = { host: 'localhost', family: 4, port, path, method, headers, ca: this.ca };
      const request = httpsRequest({ ...options, agent: false }, (response) => {
        let text = '';
        response.on('data', (data: Buffer) => (text += data.toString()));
        response.on('end', () => {
          const hsts = response.headers['strict-transport-security'];
          resolve({ status: response.statusCode, hsts, text });
        });
      });
      request.on('error', reject);
      request.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  /** Again and again: of workers that listen some may not be ready. */
  connect(uniqueId: string): Promise<TestClient> {
    return admitted(async () => {
      const { text } = await this.ask('GET', `/websocket/token?uniqueId=${uniqueId}`);
      const url = String((JSON.parse(text) as { data: unknown }).data);
      expect(url.startsWith(`wss://localhost:${String(this.process.port)}/socket/`)).toBe(true);
      return TestClient.connect(url.replace('localhost', '127.0.0.1'), { ca: this.ca });
    }, STARTED);
  }

  async push(toUniqueId: string, content: unknown): Promise<void> {
    const body = aBody({ toUniqueId, content, messageId: randomUUID() });
    await eventually(async () => {
      expect((await this.ask('POST', '/websocket/push', body)).status).toBe(202);
    });
  }

  async stop(): Promise<void> {
    this.process.signal('SIGTERM');
    expect(await this.process.exited()).toBe(0);
  }
}

async function receives(client: TestClient, contents: unknown[]): Promise<void> {
  await eventually(() => {
    expect(client.contents).toEqual(contents);
  });
}

// Several processes start.
jest.setTimeout(120_000);

describe('a gateway with a certificate', () => {
  let gateway: SecureGateway;
  beforeAll(async () => {
    gateway = await SecureGateway.start({
      LOG_LEVEL: 'log',
      // As some machine may have it, for another program.
      NODE_OPTIONS: '--tls-min-v1.0 --tls-cipher-list=DEFAULT@SECLEVEL=0',
    });
  });
  afterAll(() => gateway.stop());

  it('issues tokens by https, takes their sockets by wss, and delivers', async () => {
    const client = await gateway.connect('user');
    await gateway.push('user', 'through TLS');
    await gateway.push('user', 'x'.repeat(60_000));
    await receives(client, ['through TLS', 'x'.repeat(60_000)]);
    client.close();
  });

  it.each<[string, string, number]>([
    ['GET', '/health/live', 200],
    ['GET', '/console', 200],
    ['GET', '/client/nothing.js', 404],
    ['GET', '/nothing', 404],
    ['GET', '/%', 400],
    ['POST', '/websocket/push', 400],
  ])(
    'tells browsers with every answer to come by HTTPS only: %s %s',
    async (method, path, status) => {
      const answer = await gateway.ask(method, path);
      expect(answer).toMatchObject({ status, hsts: 'max-age=31536000' });
    },
  );

  it('tells so as the proxy of docker/ does', () => {
    expect(readFileSync('docker/proxy/nginx.conf', 'utf8')).toContain(
      "Strict-Transport-Security 'max-age=31536000'",
    );
  });

  it('speaks TLS 1.2 and 1.3 and nothing older, whatever Node.js was told', async () => {
    const ciphers = 'DEFAULT@SECLEVEL=0';
    for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
      const { socket } = await gateway.shakeHands({ minVersion: version, maxVersion: version });
      expect(socket.getProtocol()).toBe(version);
      socket.destroy();
    }
    for (const version of ['TLSv1', 'TLSv1.1'] as const) {
      await expect(
        gateway.shakeHands({ ciphers, minVersion: version, maxVersion: version }),
      ).rejects.toThrow(/protocol version/);
    }
  });

  it('prints where it is', () => {
    const { port, text } = gateway.process;
    expect(text).toContain(`console         https://localhost:${String(port)}/console`);
    expect(text).toContain(`"https://localhost:${String(port)}/websocket/token?uniqueId=`);
    expect(text).not.toContain('http://');
  });

  it('serves who comes after SIGHUP with the new certificate, and who is there goes on', async () => {
    const client = await gateway.connect('stays');
    const before = gateway.serial;
    expect(await gateway.servedSerial()).toBe(before);
    gateway.renewFiles();
    expect(gateway.serial).not.toBe(before);
    expect(await gateway.servedSerial()).toBe(before);
    gateway.process.signal('SIGHUP');
    await eventually(async () => {
      expect(await gateway.servedSerial()).toBe(gateway.serial);
    });
    const next = await gateway.connect('stays');
    await gateway.push('stays', 'to both');
    await receives(client, ['to both']);
    await receives(next, ['to both']);
    await expect(
      gateway.shakeHands({
        ciphers: 'DEFAULT@SECLEVEL=0',
        maxVersion: 'TLSv1.1',
        minVersion: 'TLSv1',
      }),
    ).rejects.toThrow(/protocol version/);
    client.close();
    next.close();
  });

  it('keeps the former certificate after SIGHUP when the files are broken, and says why', async () => {
    const { cert, key } = gateway.files;
    const before = gateway.serial;
    const good = { cert: readFileSync(cert), key: readFileSync(key) };
    gateway.renewFiles();
    const renewed = { cert: readFileSync(cert), key: readFileSync(key) };
    const reasons: [string, Buffer, Buffer][] = [
      ['TLS_CERT_FILE must hold', renewed.cert.subarray(0, 500), renewed.key],
      ['TLS_KEY_FILE must hold a private key', renewed.cert, Buffer.alloc(0)],
      ['TLS_KEY_FILE must hold the key of', renewed.cert, good.key],
    ];
    for (const [reason, wrongCert, wrongKey] of reasons) {
      writeFileSync(cert, wrongCert);
      writeFileSync(key, wrongKey);
      gateway.process.signal('SIGHUP');
      await eventually(() => {
        expect(gateway.process.text).toContain(`the former certificate stays: ${reason}`);
      });
      expect(await gateway.servedSerial()).toBe(before);
    }
    for (const line of [good.key, renewed.key].join('\n').split('\n')) {
      if (line.length > 20 && !line.startsWith('---'))
        expect(gateway.process.text).not.toContain(line);
    }
    writeFileSync(cert, renewed.cert);
    writeFileSync(key, renewed.key);
    gateway.process.signal('SIGHUP');
    await eventually(async () => {
      expect(await gateway.servedSerial()).toBe(gateway.serial);
    });
  });

  it('lives on when somebody speaks no TLS, or leaves in the middle of it', async () => {
    const { port } = gateway.process;
    for (const text of ['GET / HTTP/1.1\r\nHost: a\r\n\r\n', '\x16\x03\x01', 'x'.repeat(100_000)]) {
      const socket = tcp(port, '127.0.0.1');
      let isGone = false;
      socket.on('error', () => undefined).on('close', () => (isGone = true));
      socket.write(text, () => {
        if (text.length < 10) socket.resetAndDestroy();
      });
      await eventually(() => {
        expect(isGone).toBe(true);
      });
    }
    const client = await gateway.connect('after');
    await gateway.push('after', 'alive');
    await receives(client, ['alive']);
    client.close();
  });

  it('is healthy for the image, at the address that it listens on', async () => {
    const [, command = '[]'] =
      /HEALTHCHECK[^\n]*\n\s*CMD (\[.*\])/.exec(readFileSync('docker/Dockerfile', 'utf8')) ?? [];
    const [, ...args] = JSON.parse(command) as string[];
    const plain = await TestNode.start();
    const check = (port: number, env: Readonly<Record<string, string>> = {}): Promise<unknown> =>
      run(process.execPath, args, { env: { PORT: String(port), ...env } });
    const { cert } = gateway.files;
    await check(gateway.process.port, { TLS_CERT_FILE: cert });
    await check(plain.app.port);
    await expect(check(plain.app.port, { TLS_CERT_FILE: cert })).rejects.toMatchObject({ code: 1 });
    for (const HOST of ['', '0.0.0.0', '::']) await check(plain.app.port, { HOST });
    await plain.stop();
    for (const HOST of ['127.0.0.2', '::1']) {
      const live = createServer((_, answer) => answer.end()).listen(0, HOST);
      await once(live, 'listening');
      await check((live.address() as AddressInfo).port, { HOST: ` ${HOST}` });
      live.close();
    }
  });
});

describe('a gateway with a certificate that is stopped', () => {
  it('does not wait for who never begins the handshake, or never ends it', async () => {
    const gateway = await SecureGateway.start();
    const { port } = gateway.process;
    const gone: boolean[] = [];
    for (const [i, text] of ['', '\x16\x03\x01'].entries()) {
      const socket = tcp(port, '127.0.0.1');
      socket.on('error', () => undefined).on('close', () => (gone[i] = true));
      socket.write(text);
    }
    // Behind these.
    await gateway.servedSerial();
    expect(gone).toEqual([]);
    const before = performance.now();
    await gateway.stop();
    // Handshakes have 10 s.
    expect(performance.now() - before).toBeLessThan(5000);
    await eventually(() => {
      expect(gone).toEqual([true, true]);
    });
  });
});

describe('a gateway without a certificate', () => {
  it('says nothing of HTTPS, which is the business of a proxy', async () => {
    const node = await TestNode.start();
    const { headers } = await node.get('/health/live');
    expect(headers.get('strict-transport-security')).toBeNull();
    await node.stop();
  });
});

describe.each([
  ['the tests', process.execPath],
  ['the image, with sockets of their own on the port', IMAGE_NODE],
])('workers with a certificate on the Node.js of %s', (_, node) => {
  it('all renew it when the primary gets SIGHUP, and keep their sockets', async () => {
    const gateway = await SecureGateway.start({ ...onSharedBroker(), WORKERS: '2' }, node);
    const clients: TestClient[] = [];
    for (let i = 0; i < 8; i += 1) clients.push(await gateway.connect('user'));
    const before = await gateway.servedSerial();
    gateway.renewFiles();
    gateway.process.signal('SIGHUP');
    // So many that each worker has some.
    await eventually(
      async () => {
        for (let i = 0; i < 16; i += 1) expect(await gateway.servedSerial()).toBe(gateway.serial);
      },
      { within: STARTED },
    );
    expect(gateway.serial).not.toBe(before);
    await gateway.push('user', 'to all');
    for (const client of clients) await receives(client, ['to all']);
    await gateway.stop();
  });

  it('go on while the files are broken, and another one starts as soon as they are good', async () => {
    const gateway = await SecureGateway.start({ ...onSharedBroker(), WORKERS: '2' }, node);
    const { pid } = gateway.process;
    const path = `/proc/${String(pid)}/task/${String(pid)}/children`;
    const pids = (): number[] => readFileSync(path, 'utf8').trim().split(' ').map(Number);
    const [first = 0] = pids();
    const good = readFileSync(gateway.files.key);
    writeFileSync(gateway.files.key, '');
    process.kill(first, 'SIGKILL');
    await eventually(
      () => {
        expect(gateway.process.text).toMatch(/ended \(1\): TLS_KEY_FILE must hold .* starts in/);
      },
      { within: STARTED },
    );
    await gateway.push('nobody', 'still here');
    writeFileSync(gateway.files.key, good);
    await eventually(
      async () => {
        const { text } = await gateway.ask('GET', '/metrics');
        expect(text).toMatch(/^wirepost_workers 2$/m);
      },
      { within: STARTED, every: 200 },
    );
    await gateway.stop();
  });
});
