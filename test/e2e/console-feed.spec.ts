import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { createInterface } from 'node:readline';

import { type Figures, LiveFigures } from '../../src/application/observation/live-figures';
import { eventually } from '../support/eventually';
import { aBody } from '../support/message.builder';
import { TestClient } from '../support/test-client';
import { SERVICE_KEY, TestNode, TOKEN_ONLY_KEY } from '../support/test-node';

describe('the console’s feed', () => {
  let node: TestNode;
  beforeAll(async () => {
    node = await TestNode.start();
  });
  afterAll(() => node.stop());

  it('needs a key of scope admin', async () => {
    expect((await fetch(`${node.base}/console/feed`)).status).toBe(401);
    expect((await node.get('/console/feed', TOKEN_ONLY_KEY)).status).toBe(403);
  });

  it('tells once a second what the node does, until the reader leaves', async () => {
    const request = get(`${node.base}/console/feed`, {
      headers: { authorization: `Bearer ${SERVICE_KEY}` },
    });
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    expect(response.headers).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
    });
    const seen: Figures[] = [];
    const lines = createInterface(response);
    lines.on('line', (line) => {
      if (line.startsWith('data: ')) seen.push(JSON.parse(line.slice(6)) as Figures);
    });
    const client = TestClient.connect(await node.url('watched'));
    for (let i = 0; i < 20; i += 1) await node.push(aBody({ toUniqueId: 'watched', content: i }));
    await eventually(
      () => {
        const last = seen.at(-1);
        expect(last).toMatchObject({ connections: 1, framesDelivered: 20, gaps: 0 });
        expect(last?.['logOffset']).toBeGreaterThanOrEqual(20);
        expect(last?.['windowEntries']).toBeGreaterThanOrEqual(20);
        expect(last?.['windowBytes']).toBeGreaterThan(1000);
        expect(last?.['memory']).toBeGreaterThan(10_000_000);
        expect(last?.['logLag']).toBeLessThan(5000);
      },
      { within: 10_000 },
    );
    const delivered = seen.map(({ deliveriesPerSecond }) => deliveriesPerSecond);
    expect(Math.max(...delivered)).toBeGreaterThan(0);
    expect(seen.some(({ latency }) => latency !== null && latency.p99 < 5000)).toBe(true);
    const metrics = await (
      await fetch(`${node.base}/metrics`, { headers: { authorization: `Bearer ${SERVICE_KEY}` } })
    ).text();
    expect(metrics).toMatch(/^wirepost_delivery_latency_seconds_count [1-9]/m);
    expect(metrics).toMatch(/^wirepost_log_lag_seconds \d/m);
    for (const part of [response, lines]) part.on('error', () => undefined);
    request.destroy();
    await eventually(() => {
      expect(node.app.nest.get(LiveFigures).watched).toBe(false);
    });
    client.close();
  });
});
