import { WebSocket } from 'ws';

import { eventually } from '../support/eventually';
import { FaultProxy } from '../support/fault-proxy';
import { aBody } from '../support/message.builder';
import { onSharedBroker } from '../support/shared-broker';
import { SdkClient } from '../support/sdk-client';
import { TestClient, welcomed } from '../support/test-client';
import { TestHandlersModule } from '../support/test-handlers';
import { TestNode } from '../support/test-node';
import { sound } from './results';

const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

describe('clients that misbehave', () => {
  const env = { ...onSharedBroker(), HEARTBEAT: '1s' };
  let one: TestNode;
  let other: TestNode;
  beforeAll(async () => {
    one = await TestNode.start(env, [TestHandlersModule]);
    other = await TestNode.start(env, [TestHandlersModule]);
  }, 60_000);
  afterAll(() => Promise.all([one.stop(), other.stop()]));

  const pushTo = async (toUniqueId: string, content: unknown): Promise<void> => {
    expect((await one.push(aBody({ toUniqueId, content }))).status).toBe(202);
  };

  it('are half-open: both sides notice, and the client goes on elsewhere without a loss', async () => {
    const line = await FaultProxy.to({ host: '127.0.0.1', port: one.app.port });
    let port = line.port;
    const sdk = await SdkClient.connected(other, 'half-open', {
      socket: (url, protocol) => {
        const { pathname, search } = new URL(url);
        return new WebSocket(`ws://127.0.0.1:${String(port)}${pathname}${search}`, protocol);
      },
    });
    await pushTo('half-open', 0);
    const began = performance.now();
    line.stall();
    port = other.app.port;
    await pushTo('half-open', 1);
    await pushTo('half-open', 2);
    await eventually(
      () => {
        expect(sdk.contents).toEqual([0, 1, 2]);
      },
      { within: 10_000 },
    );
    const recovery = Math.round(performance.now() - began);
    expect(sdk.named('disconnected')).toHaveLength(1);
    await eventually(
      async () => {
        const { description } = await one.get('/metrics');
        expect(description).toMatch(/wirepost_heartbeats_missed_total [1-9]/);
      },
      { within: 10_000 },
    );
    sdk.client.close();
    await line.close();
    sound('client half-open', 3, recovery);
  }, 60_000);

  const LINES: readonly (readonly [string, (line: FaultProxy) => void])[] = [
    ['is late and narrow', (line) => Object.assign(line.down, { delay: 50, bandwidth: 32 * 1024 })],
    ['is torn in the middle of a frame', (line) => Object.assign(line.down, { dropAfter: 6000 })],
    [
      'is reset',
      (line) => {
        line.reset();
      },
    ],
    [
      'is closed towards the client only',
      (line) => {
        line.halfClose('down');
      },
    ],
    [
      'is closed towards the server only',
      (line) => {
        line.halfClose('up');
      },
    ],
  ];

  it.each(LINES)(
    'have a line that %s: everything comes, once and in order',
    async (what, fault) => {
      const line = await FaultProxy.to({ host: '127.0.0.1', port: one.app.port });
      const user = `line-${what.replaceAll(' ', '-')}`;
      const sdk = await SdkClient.connected(other, user, {
        socket: (url, protocol) => {
          const { pathname, search } = new URL(url);
          return new WebSocket(`ws://127.0.0.1:${String(line.port)}${pathname}${search}`, protocol);
        },
      });
      const began = performance.now();
      for (const n of numbers(40)) {
        if (n === 10) fault(line);
        await pushTo(user, n);
      }
      await eventually(
        () => {
          expect(sdk.contents).toEqual(numbers(40));
        },
        { within: 20_000 },
      );
      const recovery = Math.round(performance.now() - began);
      const isCut = what !== 'is late and narrow';
      expect(sdk.named('disconnected').length > 0).toBe(isCut);
      sdk.client.close();
      await line.close();
      sound(`client whose line ${what}`, 40, recovery);
    },
    60_000,
  );

  it('flap a hundred times and acknowledge nothing: each time they get the same, and the log does not grow', async () => {
    const first = await welcomed(TestClient.connect(await one.url('flapper')));
    for (const n of numbers(5)) await pushTo('flapper', n);
    const token = String(first.welcome?.['reconnectToken']);
    const cursor = String(first.welcome?.['cursor']);
    first.terminate();
    const before = await entriesRead();
    const began = performance.now();
    for (const n of numbers(100)) {
      const node = n % 2 === 0 ? one : other;
      const client = TestClient.connect(node.socketUrl(token), { cursor });
      await eventually(() => {
        expect(client.contents).toEqual(numbers(5));
      });
      client.terminate();
    }
    const probes = Math.ceil((performance.now() - began) / 1000) + 2;
    expect((await entriesRead()) - before).toBeLessThan(probes);
    sound('client flapping × 100', 5);
  }, 60_000);

  async function entriesRead(): Promise<number> {
    const { description } = await one.get('/metrics');
    return Number(/wirepost_entries_read_total (\d+)/.exec(description)?.[1]);
  }

  it('come with cursors that are wild, replayed or of another log: told so, and nothing is lost', async () => {
    const client = await welcomed(TestClient.connect(await one.url('wild')));
    await pushTo('wild', 0);
    await eventually(() => {
      expect(client.contents).toEqual([0]);
    });
    const { cursor } = client;
    const token = String(client.welcome?.['reconnectToken']);
    const offset = Number(cursor.split('-')[0]);
    const wild = ['-1', 'x', '', '1000000000000000000-1', `${String(offset + 1e6)}-1`];
    for (const text of wild) client.send({ op: 'ack', cursor: text });
    for (const text of [cursor, cursor, String(client.welcome?.['cursor'])])
      client.send({ op: 'ack', cursor: text });
    await eventually(() => {
      const codes = client.ops('rejected').map(({ code }) => code);
      expect(codes).toEqual(wild.map(() => 'BAD_CURSOR'));
    });
    for (const text of ['-1', 'x', '1000000000000000000-1', '1e9-1']) {
      const refused = TestClient.connect(other.socketUrl(token), { cursor: text });
      await eventually(() => {
        expect(refused.status).toBe(400);
      });
    }
    const foreign = TestClient.connect(other.socketUrl(token), {
      cursor: `${String(offset + 1e6)}-1600000000000`,
    });
    await eventually(() => {
      expect(foreign.ops('gap')).toMatchObject([{ reason: 'OTHER_LOG' }]);
    });
    // A cursor of the past, used again and again, brings the same again; an ack of it takes nothing back.
    const replayed = TestClient.connect(other.socketUrl(token), {
      cursor: String(client.welcome?.['cursor']),
    });
    await pushTo('wild', 1);
    await eventually(() => {
      expect(client.contents).toEqual([0, 1]);
      expect(replayed.contents).toEqual([0, 1]);
      expect(foreign.contents.at(-1)).toBe(1);
    });
    for (const each of [client, foreign, replayed]) each.terminate();
    sound('client cursors: wild, replayed, of another log', 2);
  }, 60_000);

  it('and callers that send one messageId at two nodes in the same moment count once', async () => {
    const count = 200;
    const client = await welcomed(TestClient.connect(await other.url('twice')));
    const senders = [
      await welcomed(TestClient.connect(await one.url('sender', { clientToClient: true }))),
      await welcomed(TestClient.connect(await other.url('sender', { clientToClient: true }))),
    ];
    await Promise.all(
      numbers(count).flatMap((n) => {
        const body = aBody({ toUniqueId: 'twice', messageId: `twice-${String(n)}`, content: n });
        for (const sender of senders)
          sender.send({ ...body, messageType: 'CLIENT_TO_CLIENT', content: n + count });
        return [one.push(body), other.push(body)];
      }),
    );
    await eventually(
      () => {
        for (const sender of senders) expect(sender.ops('accepted')).toHaveLength(count);
        expect([...client.contents].sort((a, b) => Number(a) - Number(b))).toEqual(
          numbers(2 * count),
        );
      },
      { within: 15_000 },
    );
    await pushTo('twice', 'end');
    await eventually(() => {
      expect(client.contents.at(-1)).toBe('end');
    });
    expect(client.contents).toHaveLength(2 * count + 1);
    for (const each of [client, ...senders]) each.terminate();
    sound('one messageId at two nodes at once', 2 * count);
  }, 60_000);

  it('have two tabs: each gets everything once, and a reply is for the tab that asked', async () => {
    const tabs = [
      await SdkClient.connected(one, 'tabs'),
      await SdkClient.connected(other, 'tabs'),
    ] as const;
    for (const n of numbers(20)) await pushTo('tabs', n);
    const reply = await tabs[0].client.request('test.echo', 'mine');
    expect(reply.content).toBe('mine');
    await pushTo('tabs', 20);
    await eventually(() => {
      for (const tab of tabs) expect(tab.contents).toEqual(numbers(21));
    });
    for (const tab of tabs) tab.client.close();
    sound('two tabs of one user', 22);
  }, 60_000);
});
