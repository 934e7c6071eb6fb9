import type { Sendable } from '../../src/client';
import { eventually } from '../support/eventually';
import { FaultProxy } from '../support/fault-proxy';
import { GatewayProcess } from '../support/gateway-process';
import { aBody } from '../support/message.builder';
import { RabbitMqNode } from '../support/rabbitmq-node';
import { SdkClient } from '../support/sdk-client';
import { onSharedBroker } from '../support/shared-broker';
import { TestClient, welcomed } from '../support/test-client';
import { TestNode } from '../support/test-node';
import { tokenOf } from '../support/token-of';
import { sound } from './results';

function line(to: string, messageId: string): Sendable {
  const kind = { messageType: 'CLIENT_TO_CLIENT', businessType: 'chat.line' } as const;
  return aBody({ ...kind, toUniqueId: to, messageId, receipt: true }) as unknown as Sendable;
}

/** What happened at both clients, in order: `handled m1` at the one, `receipt m1` at the other. */
function checkReceipts(history: readonly string[]): readonly string[] {
  const [handled, told] = [new Set<string>(), new Set<string>()];
  const findings: string[] = [];
  for (const event of history) {
    const [what = '', id = ''] = event.split(' ');
    if (what === 'handled') handled.add(id);
    else if (told.has(id)) findings.push(`${id} has two receipts`);
    else {
      told.add(id);
      if (!handled.has(id)) findings.push(`${id} has a receipt before it was handled`);
    }
  }
  for (const id of handled)
    if (!told.has(id)) findings.push(`${id} was handled and has no receipt`);
  return findings;
}

describe('the checker of receipts', () => {
  it.each([
    [['handled a', 'receipt a', 'handled b', 'receipt b'], []],
    [['handled a', 'receipt a', 'receipt a'], ['a has two receipts']],
    [['receipt a', 'handled a'], ['a has a receipt before it was handled']],
    [['handled a', 'handled b', 'receipt b'], ['a was handled and has no receipt']],
  ])('finds in %j %j', (history, findings) => {
    expect(checkReceipts(history)).toEqual(findings);
  });
});

describe('receipts of a broker that is killed, of clients that are cut and of nodes that change', () => {
  let broker: RabbitMqNode;
  let nodes: TestNode[];
  beforeAll(async () => {
    broker = await RabbitMqNode.start();
    const env = { AMQP_URL: broker.url, PUBLISH_TIMEOUT: '2s' };
    nodes = [await TestNode.start(env), await TestNode.start(env)];
    await broker.settle();
  }, 120_000);
  afterAll(async () => {
    await Promise.all(nodes.map((node) => node.stop()));
    await broker.stop();
  }, 60_000);

  it('come for every message that was handled, once, and for no other', async () => {
    const [one, other] = nodes;
    if (one === undefined || other === undefined) throw new Error('two nodes');
    const history: string[] = [];
    const sender = new SdkClient(one, 'sender', { grants: { clientToClient: true } });
    sender.client.on('wirepost.receipt', ({ correlationId }) => {
      history.push(`receipt ${String(correlationId)}`);
    });
    const reader = new SdkClient(other, 'reader');
    reader.client.on('chat.line', ({ messageId }) => {
      history.push(`handled ${messageId}`);
    });
    await sender.becomes('connected');
    await reader.becomes('connected');
    const ids = Array.from({ length: 600 }, (_, i) => `m${String(i)}`);
    const disturb: Readonly<Record<number, () => Promise<void>>> = {
      100: async () => {
        reader.moveTo(one);
        reader.socket?.terminate();
        await reader.becomes('connected');
      },
      200: async () => {
        await broker.kill9();
        await broker.boot();
      },
      300: async () => {
        sender.moveTo(other);
        sender.socket?.terminate();
        await sender.becomes('connected');
      },
      400: async () => {
        await broker.kill9();
        reader.socket?.terminate();
        await broker.boot();
      },
    };
    const sends: Promise<unknown>[] = [];
    for (const [i, id] of ids.entries()) {
      sends.push(sender.client.send(line('reader', id)));
      await disturb[i]?.();
      if (i % 20 === 0) await new Promise(setImmediate);
    }
    await Promise.all(sends);
    await eventually(
      () => {
        expect(history.filter((event) => event.startsWith('handled'))).toHaveLength(ids.length);
        expect(history.filter((event) => event.startsWith('receipt'))).toHaveLength(ids.length);
      },
      { within: 60_000 },
    );
    expect(checkReceipts(history)).toEqual([]);
    sender.client.close();
    reader.client.close();
    sound('receipts, broker killed twice, clients cut', ids.length);
  }, 180_000);
});

describe('a node that dies with an acknowledgement', () => {
  it('leaves the receipt to the node to which the client comes back with its cursor', async () => {
    const env = onSharedBroker();
    const survivor = await TestNode.start(env);
    const { hostname, port } = new URL(env['AMQP_URL'] ?? '');
    const way = await FaultProxy.to({ host: hostname, port: Number(port) });
    const url = (env['AMQP_URL'] ?? '').replace(`:${port}`, `:${String(way.port)}`);
    const victim = await GatewayProcess.start({ ...env, AMQP_URL: url });
    const socket = (token: string): string =>
      `${victim.base.replace('http', 'ws')}/socket/${token}`;
    const token = tokenOf(await survivor.url('reader'));
    const reader = await welcomed(TestClient.connect(socket(token)));
    await survivor.push(aBody({ toUniqueId: 'reader', receipt: true, messageId: 'held' }));
    await eventually(() => {
      expect(reader.bodies).toHaveLength(1);
    });
    // From here on the broker gets nothing of this node.
    way.up.stalled = true;
    reader.send({ op: 'ack', cursor: reader.cursor });
    reader.send({ op: 'ping' });
    await eventually(() => {
      expect(reader.ops('pong')).toHaveLength(1);
    });
    await victim.kill9();
    await way.close();
    const stage = async (): Promise<unknown> => {
      const { data } = await survivor.get<{ stage: string }>('/websocket/messages/held');
      return data.stage;
    };
    expect(await stage()).toBe('accepted');
    const again = String(reader.welcome?.['reconnectToken']);
    const { cursor } = reader;
    const back = await welcomed(TestClient.connect(survivor.socketUrl(again), { cursor }));
    back.send({ op: 'ack', cursor });
    await eventually(async () => {
      expect(await stage()).toBe('acknowledged');
    });
    await survivor.stop();
    sound('gateway crash between acknowledgement and receipt', 1);
  }, 60_000);
});
