import { WebSocket } from 'ws';

import type { Sendable } from '../../src/client';
import { eventually } from '../support/eventually';
import { FaultProxy } from '../support/fault-proxy';
import { GatewayProcess } from '../support/gateway-process';
import { aBody, aQuestion } from '../support/message.builder';
import { SdkClient } from '../support/sdk-client';
import { onSharedBroker } from '../support/shared-broker';
import { TestClient } from '../support/test-client';
import { callsOf, TestHandlersModule } from '../support/test-handlers';
import { SERVICE_KEY, TestNode } from '../support/test-node';
import { sound } from './results';

function ask(messageId: string): Sendable {
  return aQuestion({ businessType: 'test.silent', messageId }) as unknown as Sendable;
}

/**
 * A gateway that dies after the broker has confirmed and before the caller has its answer. A line that holds everything
 * the gateway says keeps it in that moment for as long as it takes.
 */
describe('a gateway that dies between confirm and answer', () => {
  const env = onSharedBroker();
  let survivor: TestNode;
  let victim: GatewayProcess;
  let line: FaultProxy;
  beforeAll(async () => {
    survivor = await TestNode.start(env, [TestHandlersModule]);
  }, 30_000);
  afterAll(() => survivor.stop());
  beforeEach(async () => {
    victim = await GatewayProcess.start(env);
    line = await FaultProxy.to({ host: '127.0.0.1', port: victim.port });
  }, 30_000);
  afterEach(async () => {
    await victim.kill9();
    await line.close();
  });

  it('has its push repeated by the caller: the client gets it once', async () => {
    const client = TestClient.connect(await survivor.url('asker'));
    await eventually(() => {
      expect(client.welcome).toBeDefined();
    });
    const body = aBody({ toUniqueId: 'asker', messageId: 'held', content: 'once' });
    line.down.stalled = true;
    const answer = fetch(`http://127.0.0.1:${String(line.port)}/websocket/push`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${SERVICE_KEY}` },
      body: JSON.stringify(body),
    }).then(
      ({ status }) => status,
      () => 'no answer',
    );
    await eventually(() => {
      expect(client.contents).toEqual(['once']);
    });
    const began = performance.now();
    await victim.kill9();
    line.reset();
    expect(await answer).toBe('no answer');
    expect((await survivor.push(body)).status).toBe(202);
    const recovery = Math.round(performance.now() - began);
    await survivor.push(aBody({ toUniqueId: 'asker', content: 'end' }));
    await eventually(() => {
      expect(client.contents).toEqual(['once', 'end']);
    });
    sound('gateway crash between confirm and answer (REST)', 2, recovery);
  }, 60_000);

  it('has its client’s message repeated by the SDK: the handler works once', async () => {
    let port = line.port;
    const sdk = await SdkClient.connected(survivor, 'sender', {
      socket: (url, protocol) => {
        const { pathname, search } = new URL(url);
        return new WebSocket(`ws://127.0.0.1:${String(port)}${pathname}${search}`, protocol);
      },
    });
    line.down.stalled = true;
    const messageId = 'held-question';
    const sent = sdk.client.send(ask(messageId));
    await eventually(() => {
      expect(callsOf('test.silent', messageId)).toHaveLength(1);
    });
    const began = performance.now();
    port = Number(new URL(survivor.base).port);
    await victim.kill9();
    line.reset();
    expect(await sent).toEqual({ messageId });
    const recovery = Math.round(performance.now() - began);
    // The repetition went through the same queue, so what comes after it comes after a second call.
    await sdk.client.send(ask('after'));
    await eventually(() => {
      expect(callsOf('test.silent', 'after')).toHaveLength(1);
    });
    expect(callsOf('test.silent', messageId)).toHaveLength(1);
    sdk.client.close();
    sound('gateway crash between confirm and answer (client)', 2, recovery);
  }, 60_000);
});
