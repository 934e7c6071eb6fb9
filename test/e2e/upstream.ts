import { ChargingStatusModule } from '../../src/business/charging-status/charging-status.module';
import { DisplayShowModule } from '../../src/business/display-show/display-show.module';
import { PaymentResultModule } from '../../src/business/payment-result/payment-result.module';
import { QrcodeRefreshModule } from '../../src/business/qrcode-refresh/qrcode-refresh.module';
import { ReportBuildModule } from '../../src/business/report-build/report-build.module';
import { Metrics } from '../../src/application/ports/metrics';
import { eventually } from '../support/eventually';
import { aBody, aQuestion } from '../support/message.builder';
import { TestClient } from '../support/test-client';
import { aborted, callsOf, concurrency, TestHandlersModule } from '../support/test-handlers';
import { TestNode } from '../support/test-node';

const MODULES = [
  QrcodeRefreshModule,
  PaymentResultModule,
  DisplayShowModule,
  ChargingStatusModule,
  ReportBuildModule,
  TestHandlersModule,
];

/** What a client can send and what handlers do with it, whatever broker is behind. */
export function upstream(env: () => Readonly<Record<string, string>>): void {
  let node: TestNode;
  beforeAll(async () => {
    node = await TestNode.start({ RETRY_DELAYS: '50ms,100ms', ...env() }, MODULES);
  });
  afterAll(() => node.stop());

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

  it('answers qrcode.refresh with a code on the same socket, correlated with the question', async () => {
    const client = await connect('up-1');
    client.send(aQuestion({ messageId: 'q1', businessType: 'qrcode.refresh' }));
    await eventually(() => {
      expect(client.ops('accepted')).toEqual([{ op: 'accepted', messageId: 'q1' }]);
      expect(client.bodies).toHaveLength(1);
    });
    expect(client.bodies[0]).toMatchObject({
      messageType: 'SERVER_TO_CLIENT',
      businessType: 'qrcode.refresh',
      toUniqueId: 'up-1',
      correlationId: 'q1',
      content: { page: 'up-1', code: expect.any(String) as string },
    });
  });

  it('answers report.build when the report is ready, on whatever connection there is by then', async () => {
    const before = await connect('up-report');
    before.send(
      aQuestion({ messageId: 'r1', businessType: 'report.build', content: { title: 'Sales' } }),
    );
    await eventually(() => {
      expect(before.ops('accepted')).toEqual([{ op: 'accepted', messageId: 'r1' }]);
    });
    before.close();
    const token = String(before.welcome?.['reconnectToken']);
    const after = TestClient.connect(node.socketUrl(token), { cursor: before.cursor });
    await eventually(
      () => {
        expect(after.bodies).toEqual([
          expect.objectContaining({
            businessType: 'report.build',
            correlationId: 'r1',
            content: { title: 'Sales', rows: 1280, took: 3000 },
          }),
        ]);
      },
      { within: 10_000 },
    );
  });

  it('overwrites the sender with the authenticated identity', async () => {
    const client = await connect('up-2');
    client.send(
      aQuestion({ businessType: 'test.echo', fromUniqueId: 'somebody-else', content: 'me' }),
    );
    await eventually(() => {
      expect(client.contents).toEqual(['me']);
    });
  });

  it('runs the handler once for a messageId that a client sends again', async () => {
    const client = await connect('up-3');
    for (let i = 0; i < 5; i += 1) {
      client.send(aQuestion({ businessType: 'test.echo', messageId: 'again', content: 'once' }));
    }
    await eventually(() => {
      expect(client.ops('accepted')).toHaveLength(5);
    });
    client.send(aQuestion({ businessType: 'test.echo', messageId: 'last', content: 'end' }));
    await eventually(() => {
      expect(client.contents).toEqual(['once', 'end']);
    });
    expect(callsOf('test.echo', 'again')).toHaveLength(1);
  });

  it('does not take one client for another that uses the same messageId', async () => {
    const [one, other] = [await connect('up-4a'), await connect('up-4b')];
    for (const client of [one, other]) {
      client.send(
        aQuestion({ businessType: 'test.echo', messageId: 'shared-id', content: 'mine' }),
      );
    }
    await eventually(() => {
      expect(one.contents).toEqual(['mine']);
      expect(other.contents).toEqual(['mine']);
    });
  });

  it('rejects what nobody handles with NO_HANDLER', async () => {
    const client = await connect('up-5');
    client.send(aQuestion({ messageId: 'lost', businessType: 'nobody.there' }));
    await eventually(() => {
      expect(client.ops('rejected')).toHaveLength(1);
    });
    expect(client.ops('rejected')[0]).toMatchObject({
      messageId: 'lost',
      code: 'NO_HANDLER',
      retryable: false,
    });
    expect(client.ops('accepted')).toHaveLength(0);
  });

  it('delivers again after a delay when the handler asks for it, and counts the attempts', async () => {
    const client = await connect('up-6');
    client.send(aQuestion({ messageId: 'flaky-1', businessType: 'test.flaky' }));
    await eventually(() => {
      expect(client.contents).toEqual([3]);
    });
    expect(callsOf('test.flaky', 'flaky-1').map((call) => call.attempt)).toEqual([1, 2, 3]);
  });

  it.each([
    ['test.failing', 'after the last attempt', 2],
    ['test.broken', 'at once when repeating does not help', 1],
    ['test.hanging', 'when it never settles', 2],
  ])('gives %s up %s and goes on with the next message', async (businessType, _why, attempts) => {
    const client = await connect(`up-7-${businessType}`);
    const id = `dead-${businessType}`;
    const metrics = node.app.nest.get(Metrics);
    const counts = (): number[] => [
      metrics.total('handlerRetried'),
      metrics.total('handlerRejected'),
    ];
    const [retried = 0, rejected = 0] = counts();
    client.send(aQuestion({ messageId: id, businessType }));
    await eventually(() => {
      expect(counts()).toEqual([retried + attempts - 1, rejected + 1]);
    });
    const numbers = callsOf(businessType, id).map(({ attempt }) => attempt);
    expect(numbers).toEqual(Array.from({ length: attempts }, (_, i) => i + 1));
    client.send(aQuestion({ messageId: `${id}-next`, businessType }));
    await eventually(() => {
      expect(counts()[1]).toBe(rejected + 2);
    });
    expect(callsOf(businessType, id)).toHaveLength(attempts);
    if (businessType === 'test.hanging')
      expect(aborted.filter((one) => one === id)).toHaveLength(attempts);
  });

  it('runs no more handlers at a time than their concurrency', async () => {
    const client = await connect('up-8');
    for (let i = 0; i < 20; i += 1)
      client.send(aQuestion({ businessType: 'test.slow', content: i }));
    await eventually(() => {
      expect(callsOf('test.slow')).toHaveLength(20);
    });
    expect(concurrency.most).toBe(3);
  });

  it('carries a message from client to client when the token grants it, with the real sender', async () => {
    const phone = await connect('phone-1', { clientToClient: true });
    const page = await connect('page-1');
    phone.send(
      aBody({
        messageType: 'CLIENT_TO_CLIENT',
        toUniqueId: 'page-1',
        messageId: 'c2c',
        fromUniqueId: 'x',
        content: 'hi',
      }),
    );
    await eventually(() => {
      expect(page.bodies).toHaveLength(1);
      expect(phone.ops('accepted')).toHaveLength(1);
    });
    expect(page.bodies[0]).toMatchObject({
      fromUniqueId: 'phone-1',
      fromClientType: 'H5',
      content: 'hi',
      messageId: 'c2c',
    });
  });

  it.each([
    ['client to client', { messageType: 'CLIENT_TO_CLIENT' }, {}, 'messageType'],
    [
      'multicast',
      {
        messageType: 'CLIENT_TO_CLIENT',
        sendType: 'MULTICAST',
        toUniqueId: undefined,
        tags: ['a'],
      },
      { clientToClient: true },
      'sendType',
    ],
    [
      'broadcast',
      { messageType: 'CLIENT_TO_CLIENT', sendType: 'BROADCAST', toUniqueId: undefined },
      { clientToClient: true },
      'sendType',
    ],
    [
      'a push',
      { messageType: 'SERVER_TO_CLIENT' },
      { clientToClient: true, broadcast: true },
      'messageType',
    ],
    [
      'a business type that is not granted',
      { messageType: 'CLIENT_TO_SERVER', toUniqueId: undefined, businessType: 'test.echo' },
      { businessTypes: ['qrcode.*'] },
      'businessType',
    ],
    [
      'what is for services to send',
      { messageType: 'CLIENT_TO_SERVER', toUniqueId: undefined, businessType: 'test.service' },
      {},
      'businessType',
    ],
  ])('denies a client %s', async (_what, body, grants, field) => {
    const client = await connect('denied-1', grants);
    client.send(aBody({ toUniqueId: 'denied-1', messageId: 'no', ...body }));
    await eventually(() => {
      expect(client.ops('rejected')).toHaveLength(1);
    });
    expect(client.ops('rejected')[0]).toMatchObject({
      messageId: 'no',
      code: 'FORBIDDEN',
      retryable: false,
    });
    expect(client.ops('rejected')[0]?.['message']).toContain(field);
    // What comes after it shows that it has not come.
    await node.push(aBody({ toUniqueId: 'denied-1', content: 'fence' }));
    await eventually(() => {
      expect(client.contents).toEqual(['fence']);
    });
    expect(['test.echo', 'test.service'].flatMap((type) => callsOf(type, 'no'))).toEqual([]);
  });

  it('shows a phone’s result on an H5 page by way of display.show', async () => {
    const [phone, page] = [
      await connect('phone-2', { clientType: 'APP' }),
      await connect('page-2'),
    ];
    phone.send(
      aQuestion({
        businessType: 'display.show',
        content: { display: 'page-2', result: { score: 7 } },
      }),
    );
    await eventually(() => {
      expect(page.bodies).toHaveLength(1);
    });
    expect(page.bodies[0]).toMatchObject({
      messageType: 'CLIENT_TO_CLIENT',
      fromUniqueId: 'phone-2',
      fromClientType: 'APP',
      content: { result: { score: 7 } },
    });
  });
}
