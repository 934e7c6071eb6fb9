import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';

import { connect } from 'amqplib';

import { selfSigned } from '../support/certificate';
import { eventually } from '../support/eventually';
import { GatewayProcess } from '../support/gateway-process';
import { aBody, aQuestion } from '../support/message.builder';
import { freePort, RabbitMqNode } from '../support/rabbitmq-node';
import { runFolder } from '../support/run-folder';
import { onSharedBroker } from '../support/shared-broker';
import { TestClient } from '../support/test-client';
import { tokenOf } from '../support/token-of';

const PASSWORD = 'marmalade-0123456789';
const KEY = 'Zx8Kq2Lm5Tv9Bn4Rw7Yc';
const SECRET = 'mB7xQ2vT9rL4nW8kZ5jH3pD6sF1gY0cA';
const CONTENT = 'content-of-a-message';

describe('a gateway whose broker speaks TLS', () => {
  let broker: RabbitMqNode;
  let env: Readonly<Record<string, string>>;
  beforeAll(async () => {
    const { key, cert } = selfSigned(mkdtempSync(join(runFolder(), 'tls-')));
    const port = await freePort();
    broker = await RabbitMqNode.start([
      `listeners.ssl.1 = 127.0.0.1:${String(port)}`,
      `ssl_options.cacertfile = ${cert}`,
      `ssl_options.certfile = ${cert}`,
      `ssl_options.keyfile = ${key}`,
    ]);
    await broker.addUser('wirepost', undefined, PASSWORD);
    env = {
      AMQP_URL: `amqps://wirepost:${PASSWORD}@127.0.0.1:${String(port)}`,
      NODE_EXTRA_CA_CERTS: cert,
      CONNECT_TIMEOUT: '3s',
      PUBLISH_TIMEOUT: '1s',
      LOG_LEVEL: 'verbose',
      NODE_ENV: 'production',
      PUBLIC_URL: 'wss://a.b',
      SERVICE_KEYS: `all:token+push:${KEY}`,
      JWT_SECRET: SECRET,
    };
  }, 120_000);
  afterAll(() => broker.stop(), 60_000);

  it('goes to no server whose certificate it does not know, and says so', async () => {
    const gateway = await GatewayProcess.spawn({ ...env, NODE_EXTRA_CA_CERTS: '' });
    expect(await gateway.exited()).toBe(1);
    expect(gateway.text).toMatch(
      /no broker at AMQP_URL answered within 3 s: self-signed certificate/,
    );
    expect(gateway.text).not.toContain(PASSWORD);
  }, 30_000);

  it('logs no token, key, secret, password or content, whatever happens', async () => {
    const gateway = await GatewayProcess.start(env);
    const tokens: string[] = [];
    const authorization = `Bearer ${KEY}`;
    const post = async (path: string, body: unknown): Promise<Response> =>
      fetch(gateway.base + path, {
        method: 'POST',
        headers: { authorization, 'content-type': 'application/json' },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      });
    const token = async (): Promise<string> => {
      const response = await post('/websocket/token', { uniqueId: 'user', clientType: 'H5' });
      const { data } = (await response.json()) as { data: string };
      const one = tokenOf(data);
      tokens.push(one);
      return one;
    };
    const used = await token();
    const client = TestClient.connect(gateway.socketUrl(used));
    await eventually(() => {
      expect(client.welcome).toBeDefined();
    });
    tokens.push(String(client.welcome?.['reconnectToken']));
    for (const bad of [used, `${await token()}x`, used.slice(0, -30)]) {
      const refused = TestClient.connect(gateway.socketUrl(bad));
      await eventually(() => {
        expect(refused.closed).toBeDefined();
      });
    }
    client.send(aQuestion({ businessType: 'payment.result', content: CONTENT }));
    client.send(`{"content":"${CONTENT}`);
    client.send({ op: 'renew', token: used });
    await post('/websocket/push', aBody({ toUniqueId: 'user', content: CONTENT }));
    await post('/websocket/push', { ...aBody(), [CONTENT]: CONTENT });
    await post('/websocket/push', `{"content":"${CONTENT}`);
    await fetch(`${gateway.base}/websocket/push`, {
      headers: { authorization: `Bearer ${KEY}-wrong` },
    });
    await eventually(() => {
      expect(client.contents).toContain(CONTENT);
      expect(client.ops('rejected').length).toBeGreaterThanOrEqual(2);
    });
    await broker.settle();
    await broker.kill9();
    await eventually(
      () => {
        expect(gateway.text).toContain('disconnected');
      },
      { within: 20_000 },
    );
    await post('/websocket/push', aBody({ toUniqueId: 'user', content: CONTENT }));
    await broker.boot();
    await eventually(
      async () => {
        expect((await post('/websocket/push', aBody({ content: CONTENT }))).status).toBe(202);
      },
      { within: 30_000 },
    );
    gateway.signal('SIGTERM');
    expect(await gateway.exited()).toBe(0);
    expect(gateway.text.length).toBeGreaterThan(1000);
    const parts = tokens.flatMap((one) => one.split('.').slice(1));
    const secrets = [...parts, KEY, SECRET, PASSWORD, CONTENT];
    expect(secrets.filter((secret) => gateway.text.includes(secret))).toEqual([]);
  }, 120_000);
});

describe('the log of a gateway in production', () => {
  it('is one JSON object a line, whatever others have written', async () => {
    const env = onSharedBroker();
    const production = { NODE_ENV: 'production', PUBLIC_URL: 'wss://a.b', JWT_SECRET: SECRET };
    const gateway = await GatewayProcess.start({
      ...env,
      ...production,
      SERVICE_KEYS: `all:token+push:${KEY}`,
      LOG_LEVEL: 'verbose',
    });
    const connection = await connect(env['AMQP_URL'] ?? '');
    const channel = await connection.createConfirmChannel();
    const forged = '\n{"level":"fatal","message":"forged"}\n\u2028\u001b[31m';
    const bodies = [
      { ...aBody(), [forged]: 1 },
      aBody({ toUniqueId: undefined, content: forged }),
      aBody({ businessType: forged }),
      aBody({ sendType: forged }),
      aBody({ messageId: forged }),
    ].map((body) => JSON.stringify(body));
    for (const text of [...bodies, forged, `{${forged}`, `"${forged}`])
      channel.publish(`${env['AMQP_PREFIX'] ?? ''}.push`, '', Buffer.from(text), {
        messageId: forged,
      });
    await channel.waitForConfirms();
    await connection.close();
    const skipped = (): string[] => gateway.text.split('\n').filter((line) => /skipped/.test(line));
    await eventually(() => {
      expect(skipped()).toHaveLength(8);
    });
    gateway.signal('SIGTERM');
    expect(await gateway.exited()).toBe(0);
    for (const line of gateway.text.split('\n').filter((one) => /level|forged/.test(one)))
      expect(JSON.parse(line)).toMatchObject({
        level: expect.not.stringMatching('fatal') as string,
      });
    const lines = skipped().map((line) => JSON.parse(line) as { level: string });
    expect(lines.map(({ level }) => level)).toEqual(lines.map(() => 'warn'));
    expect(gateway.text).not.toContain('\u001b');
  }, 60_000);
});
