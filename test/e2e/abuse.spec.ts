import { connect, type Socket } from 'node:net';
import { request } from 'node:http';

import { LiveFigures } from '../../src/application/observation/live-figures';
import { Metrics } from '../../src/application/ports/metrics';
import { eventually } from '../support/eventually';
import { aBody } from '../support/message.builder';
import { TestClient, welcomed } from '../support/test-client';
import { SERVICE_KEY, TestNode, TOKEN_ONLY_KEY } from '../support/test-node';

const TIMES = 20_000;

/** Bytes of a text frame of 60 000 bytes, up to its payload, whose mask is zero. */
const LONG_FRAME = Buffer.from([0x81, 0x80 | 126, 0xea, 0x60, 0, 0, 0, 0]);

async function upgraded(url: string): Promise<Socket> {
  const { port, hostname, host, pathname } = new URL(url);
  const socket = connect({ port: Number(port), host: hostname, noDelay: true });
  socket.on('error', () => undefined);
  socket.write(
    `GET ${pathname} HTTP/1.1\r\nHost: ${host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
      'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
  );
  await new Promise((resolve) => socket.once('data', resolve));
  return socket;
}

describe('who asks for more than a service has to give', () => {
  let node: TestNode;
  beforeAll(async () => {
    node = await TestNode.start({ CLIENT_RATE: '200', CONSOLE: 'true' });
  });
  afterAll(() => node.stop());

  const total = (name: 'framesBad' | 'clientsThrottled'): number =>
    node.app.nest.get(Metrics).total(name);

  it('is refused a request with thousands of fields by the first of them', async () => {
    const fields = Object.fromEntries(Array.from({ length: 6000 }, (_, i) => [`k${String(i)}`, 0]));
    const answer = await node.post('/websocket/token', fields, TOKEN_ONLY_KEY);
    expect(answer).toMatchObject({ status: 400, data: { code: 'UNKNOWN_FIELD', field: 'k0' } });
    const list = Array.from({ length: 6000 }, () => 0);
    expect(await node.post('/websocket/token', list, TOKEN_ONLY_KEY)).toMatchObject({
      status: 400,
      data: { code: 'BAD_JSON' },
    });
  });

  it('is refused a body that is longer than the route needs, before it is parsed', async () => {
    const blank = (bytes: number): string => ' '.repeat(bytes);
    const token = JSON.stringify({ uniqueId: 'u1' });
    expect((await node.post('/websocket/token', blank(65_000) + token)).status).toBe(200);
    expect((await node.post('/websocket/token', blank(70_000) + token)).status).toBe(413);
    const push = JSON.stringify(aBody());
    expect((await node.post('/websocket/push', blank(500_000) + push)).status).toBe(202);
    expect((await node.post('/websocket/push', blank(600_000) + push)).status).toBe(413);
    expect((await node.post('/websocket/push/batch', `${blank(600_000)}[${push}]`)).status).toBe(
      202,
    );
  });

  it('is closed when a message comes in thousands of pieces, each of which takes memory', async () => {
    const socket = await upgraded(await node.url('pieces'));
    socket.write(LONG_FRAME);
    for (let i = 0; i < TIMES && !socket.destroyed; i += 1) {
      socket.write('x');
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(socket.destroyed).toBe(true);
  });

  it('may send a message in as many pieces as a slow network makes of it', async () => {
    const socket = await upgraded(await node.url('slow', { clientToClient: true }));
    const body = JSON.stringify(
      aBody({ messageType: 'CLIENT_TO_CLIENT', toUniqueId: 'slow', content: 'x'.repeat(59_000) }),
    );
    const header = Buffer.from([0x81, 0x80 | 126, body.length >>> 8, body.length & 0xff]);
    socket.write(Buffer.concat([header, Buffer.alloc(4)]));
    let received = 0;
    socket.on('data', (data: Buffer) => (received += data.length));
    for (let at = 0; at < body.length; at += 536) {
      socket.write(body.slice(at, at + 536));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await eventually(() => {
      expect(received).toBeGreaterThan(59_000);
    });
    socket.destroy();
  });

  it('is not served any more once it was told to go, whatever it still sends', async () => {
    const client = await welcomed(TestClient.connect(await node.url('binary')));
    const before = total('framesBad');
    for (let i = 0; i < 500; i += 1) client.ws.send(Buffer.from([i]), { binary: true });
    await eventually(() => {
      expect(client.closed?.code).toBe(4500);
    });
    expect(total('framesBad')).toBe(before + 10);
  });

  it('is told to go when it asks again and again to renew with what is no token', async () => {
    const client = await welcomed(TestClient.connect(await node.url('renews')));
    for (let i = 0; i < 20; i += 1) client.send({ op: 'renew', token: 'x'.repeat(9000) });
    await eventually(() => {
      expect(client.closed?.code).toBe(4500);
    });
    expect(client.ops('rejected')).toHaveLength(10);
  });

  it('is read later when it sends more than it may, counted by frames, by bytes and by pongs', async () => {
    const sends: ((client: TestClient) => void)[] = [
      (client) => {
        client.send({ op: 'ping' });
      },
      (client) => {
        client.send(aBody({ messageType: 'CLIENT_TO_CLIENT', content: 'x'.repeat(60_000) }));
      },
      (client) => {
        client.ws.pong();
      },
    ];
    for (const [i, send] of sends.entries()) {
      const client = await welcomed(TestClient.connect(await node.url(`much-${String(i)}`)));
      const before = total('clientsThrottled');
      for (let k = 0; k < 300; k += 1) send(client);
      await eventually(() => {
        expect(total('clientsThrottled')).toBeGreaterThan(before);
      });
      expect(client.closed).toBeUndefined();
      client.close();
    }
  });

  it('leaves no feed behind that was only asked for its head', async () => {
    const answer = await fetch(`${node.base}/console/feed`, {
      method: 'HEAD',
      headers: { authorization: `Bearer ${SERVICE_KEY}` },
    });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toBe('text/event-stream');
    expect(node.app.nest.get(LiveFigures).watched).toBe(false);
  });

  it('gets its 401 while it still sends, and cannot send for ever', async () => {
    const { port } = new URL(node.base);
    const sending = request({ port, host: '127.0.0.1', method: 'POST', path: '/websocket/push' });
    const answered = new Promise<number | undefined>((resolve) => {
      sending.once('response', (response) => {
        resolve(response.statusCode);
        response.resume();
      });
    });
    let ended = false;
    sending.on('error', () => undefined);
    sending.on('close', () => (ended = true));
    const chunk = Buffer.alloc(16_384);
    const more = setInterval(() => sending.write(chunk), 10);
    expect(await answered).toBe(401);
    await eventually(() => {
      expect(ended).toBe(true);
    });
    clearInterval(more);
  });
});
