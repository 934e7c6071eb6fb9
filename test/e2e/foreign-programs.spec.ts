import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

import amqp from 'amqplib';

import { LogFollower } from '../../src/application/log/log-follower';
import { Metrics } from '../../src/application/ports/metrics';
import { ChargingStatusModule } from '../../src/business/charging-status/charging-status.module';
import { PaymentResultModule } from '../../src/business/payment-result/payment-result.module';
import { QrcodeRefreshModule } from '../../src/business/qrcode-refresh/qrcode-refresh.module';
import { codeBlocks } from '../support/code-blocks';
import { eventually } from '../support/eventually';
import { aBody, aQuestion } from '../support/message.builder';
import { pushBatch } from '../support/push-batch';
import { freePort } from '../support/rabbitmq-node';
import { endWithRun, runFolder } from '../support/run-folder';
import { onSharedBroker, sharedBroker } from '../support/shared-broker';
import { TestClient } from '../support/test-client';
import { SERVICE_KEY, TestNode } from '../support/test-node';

const run = promisify(execFile);
const BUSINESS = [QrcodeRefreshModule, PaymentResultModule, ChargingStatusModule];
const JARS = [
  'amqp-client',
  'slf4j-api',
  'jackson-core',
  'jackson-databind',
  'jackson-annotations',
];

/** How to run a class of docs/java.md, as it stands there. */
function javaProgram(name: string): readonly string[] {
  const source = codeBlocks('docs/java.md', 'java').find((text) =>
    text.includes(`public class ${name} {`),
  );
  if (source === undefined) throw new Error(`docs/java.md has no class ${name}`);
  const file = join(mkdtempSync(join(runFolder(), 'java-')), `${name}.java`);
  writeFileSync(file, source);
  return ['-cp', JARS.map((jar) => `/usr/share/java/${jar}.jar`).join(':'), file];
}

/** What docs/java.md lets a user of the broker do: configure, write, read. */
function permissions(user: string, prefix: string): readonly string[] {
  const line = new RegExp(`set_permissions ${user} '(.*)' '(.*)' '(.*)'`).exec(
    codeBlocks('docs/java.md', 'sh').join(''),
  );
  if (line === null) throw new Error(`docs/java.md has no permissions for ${user}`);
  return line.slice(1).map((pattern) => pattern.replaceAll('wirepost', prefix));
}

/** Starts a program; resolves when it says that it is ready. */
async function started(program: string, args: readonly string[]): Promise<ChildProcess> {
  const service = spawn(program, args);
  endWithRun(service);
  let output = '';
  for (const stream of [service.stdout, service.stderr])
    stream.on('data', (data: Buffer) => (output += data.toString()));
  await eventually(
    () => {
      expect(output).toMatch(/^ready$/m);
    },
    { within: 30_000 },
  );
  return service;
}

describe('programs in other languages and processes', () => {
  const env = onSharedBroker();
  const { AMQP_URL: url = '', AMQP_PREFIX: prefix = '' } = env;
  let node: TestNode;
  let connection: amqp.ChannelModel;
  let channel: amqp.ConfirmChannel;
  beforeAll(async () => {
    const port = String(await freePort());
    node = await TestNode.start(
      { ...env, PORT: port, PUBLIC_URL: `ws://127.0.0.1:${port}` },
      BUSINESS,
    );
    connection = await amqp.connect(url);
    channel = await connection.createConfirmChannel();
  });
  afterAll(async () => {
    await connection.close();
    await node.stop();
  });

  async function connect(
    uniqueId: string,
    grants: Record<string, unknown> = {},
  ): Promise<TestClient> {
    const client = TestClient.connect(await node.url(uniqueId, grants));
    await eventually(() => {
      expect(client.welcome).toBeDefined();
    });
    return client;
  }

  async function publish(exchange: string, key: string, body: unknown): Promise<void> {
    const content = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
    channel.publish(`${prefix}.${exchange}`, key, content, { persistent: true, mandatory: true });
    await channel.waitForConfirms();
  }

  it('can be clients and backends by docs/protocol.md alone (Python)', async () => {
    const { stdout } = await run(
      '/usr/bin/python3',
      ['test/e2e/clients/client.py', node.base, SERVICE_KEY, url, prefix],
      {
        timeout: 20_000,
      },
    );
    expect(stdout).toContain('python client: all as documented');
  });

  it('get addresses and push by REST as docs/java.md has it (Java)', async () => {
    const { stdout } = await run(
      '/usr/bin/java',
      [...javaProgram('Wirepost'), node.base, SERVICE_KEY, 'java-1'],
      { timeout: 30_000 },
    );
    const [address = '', messageId] = stdout.trim().split('\n');
    const client = TestClient.connect(address);
    await eventually(() => {
      expect(client.contents).toEqual([{ orderId: 'A-1', status: 'PAID' }]);
    });
    expect(client.bodies[0]).toMatchObject({ messageId, businessType: 'payment.result' });
  }, 60_000);

  it('answer what clients ask by a queue of their own as docs/java.md has it (Java)', async () => {
    const stock = await sharedBroker().addUser('stock', permissions('stock', prefix));
    const service = await started('/usr/bin/java', [
      ...javaProgram('Stock'),
      stock,
      prefix,
      new URL(url).username,
    ]);
    const client = await connect('java-2');
    client.send(
      aQuestion({
        businessType: 'stock.query',
        messageId: 'java-stock',
        content: { article: 'tea' },
      }),
    );
    await eventually(() => {
      expect(client.contents).toEqual([{ article: 'tea', pieces: 7 }]);
    });
    expect(client.bodies[0]).toMatchObject({ correlationId: 'java-stock' });
    // Another program that writes a client's name into its message is not answered for it.
    await publish('upstream', 'stock.query', {
      ...aQuestion({ businessType: 'stock.query', content: { article: 'forged' } }),
      fromUniqueId: 'java-2',
    });
    client.send(aQuestion({ businessType: 'stock.query', content: { article: 'milk' } }));
    await eventually(() => {
      expect(client.contents.slice(1)).toEqual([{ article: 'milk', pieces: 7 }]);
    });
    const forged = await channel.get('stock.dead', { noAck: true });
    expect(forged && forged.content.toString()).toContain('forged');
    service.kill('SIGKILL');
    await sharedBroker().ctl('delete_user', 'stock');
  }, 60_000);

  it('end where the service has never run, by which exchanges are declared (Java)', async () => {
    const program = [...javaProgram('Stock'), url, 'never-run', 'nobody'];
    await expect(run('/usr/bin/java', program, { timeout: 30_000 })).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining("no exchange 'never-run.upstream'") as string,
    });
  }, 60_000);

  it('can bind their own queue to the upstream exchange and answer by push (a second process with amqplib)', async () => {
    const program = 'test/e2e/clients/external-service.cjs';
    const service = await started(process.execPath, [program, url, prefix]);
    try {
      const client = await connect('shopper');
      client.send(
        aQuestion({
          businessType: 'stock.query',
          messageId: 'stock-1',
          content: { article: 'tea' },
        }),
      );
      await eventually(() => {
        expect(client.ops('accepted')).toHaveLength(1);
        expect(client.bodies).toHaveLength(1);
      });
      expect(client.bodies[0]).toMatchObject({
        messageId: 'answer-stock-1',
        correlationId: 'stock-1',
        content: { article: 'tea', pieces: 7, asked: 'shopper' },
      });
    } finally {
      service.kill('SIGKILL');
    }
  });

  it('deliver a unified body that any AMQP client publishes, content untouched', async () => {
    const client = await connect('amqp-1');
    const content = { text: 'grüße 你好 \u2028', big: 12_345_678_901_234, nested: [{ a: null }] };
    await publish('push', 'any', aBody({ toUniqueId: 'amqp-1', content, messageId: 'amqp-m1' }));
    await eventually(() => {
      expect(client.contents).toEqual([content]);
    });
    expect(client.bodies[0]).toMatchObject({
      messageId: 'amqp-m1',
      timestamp: expect.any(Number) as number,
    });
  });

  it('that give no messageId are not dropped for one that another backend could foresee', async () => {
    const client = await connect('amqp-3');
    const next = Math.floor(node.app.nest.get(LogFollower).applied?.offset ?? -1) + 1;
    const taken = Array.from({ length: 200 }, (_, i) =>
      aBody({ toUniqueId: 'nobody', messageId: `amqp-${String(next + i)}` }),
    );
    await pushBatch(node.base, taken);
    for (let n = 0; n < 5; n += 1)
      await publish('push', '', aBody({ toUniqueId: 'amqp-3', content: n }));
    await eventually(() => {
      expect(client.contents).toEqual([0, 1, 2, 3, 4]);
    });
  });

  it('that publish nonsense stop nobody: it is counted, skipped and stays in the log', async () => {
    const client = await connect('amqp-2');
    const metrics = node.app.nest.get(Metrics);
    const before = metrics.total('entriesInvalid');
    const nonsense = [
      'no json',
      '[]',
      '['.repeat(5000),
      JSON.stringify({ ...aBody({ toUniqueId: 'amqp-2' }), colour: 'red' }),
      JSON.stringify({ ...aBody({ toUniqueId: 'amqp-2' }), cursor: '1-1' }),
      JSON.stringify(aQuestion()),
      JSON.stringify(aBody({ toUniqueId: undefined })),
    ];
    for (const text of nonsense) await publish('push', '', text);
    await publish('push', '', aBody({ toUniqueId: 'amqp-2', content: 'after' }));
    await eventually(() => {
      expect(client.contents).toEqual(['after']);
    });
    expect(metrics.total('entriesInvalid')).toBe(before + nonsense.length);
    const read: string[] = [];
    const reader = await connection.createChannel();
    await reader.prefetch(1000);
    await reader.consume(
      `${prefix}.log`,
      (delivery) => {
        if (delivery === null) return;
        read.push(delivery.content.toString());
        reader.ack(delivery);
      },
      { arguments: { 'x-stream-offset': 'first' } },
    );
    await eventually(() => {
      for (const text of nonsense) expect(read).toContain(text);
    });
    await reader.close();
  });

  it('turn a payment platform’s callback into a push by payment.result', async () => {
    const client = await connect('payer-1');
    await publish(
      'upstream',
      'payment.result',
      aQuestion({
        businessType: 'payment.result',
        content: { orderId: 'A-1', status: 'PAID', payer: 'payer-1' },
        messageId: 'cb-1',
      }),
    );
    await eventually(() => {
      expect(client.bodies).toHaveLength(1);
    });
    expect(client.bodies[0]).toMatchObject({
      businessType: 'payment.result',
      content: { orderId: 'A-1', status: 'PAID' },
      correlationId: 'cb-1',
    });
  });

  it('tell everybody who watches a charging port by charging.status', async () => {
    const watcher = await connect('driver-1', { tags: ['port:7'], businesses: ['charging'] });
    const operator = await connect('operator-1', {
      tags: ['station:S1'],
      businesses: ['charging'],
    });
    const other = await connect('driver-2', { tags: ['port:8'], businesses: ['charging'] });
    const content = { port: '7', status: 'CHARGING', station: 'S1' };
    await publish(
      'upstream',
      'charging.status',
      aQuestion({ businessType: 'charging.status', content }),
    );
    await publish(
      'upstream',
      'charging.status',
      aQuestion({
        businessType: 'charging.status',
        content: { ...content, port: '8', station: 'S2' },
      }),
    );
    await eventually(() => {
      expect(other.contents).toEqual([{ ...content, port: '8', station: 'S2' }]);
      expect(watcher.contents).toEqual([content]);
      expect(operator.contents).toEqual([content]);
    });
  });

  it('find what a handler could not read among the dead letters, with the reason', async () => {
    await publish('upstream', 'payment.result', '{"broken":');
    await publish(
      'upstream',
      'payment.result',
      aQuestion({ businessType: 'payment.result', content: { orderId: 1 }, messageId: 'bad-1' }),
    );
    const reasons: string[] = [];
    await eventually(async () => {
      const letter = await channel.get(`${prefix}.dead`, { noAck: true });
      if (letter !== false) reasons.push(String(letter.properties.headers?.['wp-reason']));
      expect(reasons.sort()).toEqual([
        expect.stringContaining('BAD_JSON'),
        expect.stringContaining(
          'TypeError: content must be { orderId, status, payer }, all strings',
        ),
      ]);
    });
  });
});
