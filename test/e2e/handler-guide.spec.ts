import { mkdirSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join, resolve } from 'node:path';

import type { Type } from '@nestjs/common';
import ts from 'typescript';

import { Metrics } from '../../src/application/ports/metrics';
import { codeBlocks } from '../support/code-blocks';
import { eventually } from '../support/eventually';
import { aQuestion } from '../support/message.builder';
import { runFolder } from '../support/run-folder';
import { TestClient } from '../support/test-client';
import { TestNode } from '../support/test-node';

const HANDLER = 'src/business/order-cancel/order-cancel.handler.ts';
const MODULE = 'src/business/order-cancel/order-cancel.module.ts';

/** The files of docs/architecture.md, as they stand there, in a folder that looks like the project's. */
function writeGuide(): string {
  const root = mkdtempSync(join(runFolder(), 'guide-'));
  for (const name of ['node_modules', 'src/application', 'src/domain', 'src/protocol']) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    symlinkSync(resolve(name), join(root, name));
  }
  for (const text of codeBlocks('docs/architecture.md', 'ts')) {
    const [, file] = /^\/\/ (src\/\S+)\n/.exec(text) ?? [];
    if (file === undefined) continue;
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), text);
  }
  return root;
}

/** What the compiler says of a file with the settings of the project. */
function complaints(file: string): readonly string[] {
  const { config } = ts.readConfigFile('tsconfig.json', (path) => ts.sys.readFile(path)) as {
    config: unknown;
  };
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, '.');
  const program = ts.createProgram([file], { ...options, noEmit: true, incremental: false });
  return ts
    .getPreEmitDiagnostics(program)
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'));
}

describe('the business type of docs/architecture.md', () => {
  const root = writeGuide();
  const asked: unknown[] = [];
  let status = 200;
  let orders: Server;
  let node: TestNode;
  let client: TestClient;

  beforeAll(async () => {
    orders = createServer((request, response) => {
      let body = '';
      request.on('data', (data: Buffer) => (body += data.toString()));
      request.on('end', () => {
        asked.push(JSON.parse(body));
        response.writeHead(status, { 'content-type': 'application/json' });
        response.end('{"cancelled":true}');
      });
    }).listen(0, '127.0.0.1');
    await eventually(() => {
      expect(orders.listening).toBe(true);
    });
    const { port } = orders.address() as AddressInfo;
    const file = join(root, HANDLER);
    const text = readFileSync(file, 'utf8');
    const url = `http://127.0.0.1:${String(port)}`;
    writeFileSync(file, text.replace('http://orders.internal', url));
    const { OrderCancelModule } = (await import(join(root, MODULE))) as Record<string, Type>;
    if (OrderCancelModule === undefined) throw new Error('the page has no OrderCancelModule');
    node = await TestNode.start({ RETRY_DELAYS: '100ms' }, [OrderCancelModule]);
  });
  afterEach(() => {
    client.ws.close();
  });
  afterAll(async () => {
    await node.stop();
    orders.close();
  });
  beforeEach(async () => {
    client = TestClient.connect(await node.url('buyer'));
    await eventually(() => {
      expect(client.welcome).toBeDefined();
    });
    asked.length = 0;
    status = 200;
  });

  function ask(content: unknown): void {
    client.send(aQuestion({ businessType: 'order.cancel', content }));
  }

  it('compiles', () => {
    expect(complaints(join(root, MODULE))).toEqual([]);
    const wrong = join(root, MODULE.replace('.module', '.wrong'));
    writeFileSync(
      wrong,
      "import { Order } from './order-cancel.handler';\nexport const a: Order = 1;\n",
    );
    expect(complaints(wrong)).toHaveLength(1);
  }, 60_000);

  it('asks the backend and replies with what it said', async () => {
    ask({ orderId: 'A-1' });
    await eventually(() => {
      expect(client.contents).toEqual([{ cancelled: true }]);
    });
    expect(asked).toEqual([{ orderId: 'A-1' }]);
  });

  it('says that a backend refused, and asks again one that failed', async () => {
    status = 409;
    ask({ orderId: 'A-2' });
    await eventually(() => {
      expect(client.contents).toEqual([{ error: 'NOT_CANCELLED' }]);
    });
    status = 503;
    ask({ orderId: 'A-3' });
    await eventually(() => {
      expect(asked).toContainEqual({ orderId: 'A-3' });
    });
    status = 200;
    await eventually(() => {
      expect(client.contents).toEqual([{ error: 'NOT_CANCELLED' }, { cancelled: true }]);
    });
  });

  it.each([{}, { orderId: 7 }, null, [1], 'text'])(
    'makes content that breaks its rules a dead letter: %j',
    async (content) => {
      const metrics = node.app.nest.get(Metrics);
      const before = metrics.total('handlerRejected');
      ask(content);
      await eventually(() => {
        expect(metrics.total('handlerRejected')).toBe(before + 1);
      });
      expect(asked).toEqual([]);
    },
  );
});
