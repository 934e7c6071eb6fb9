import net from 'node:net';

import { MetricsPage } from '../../src/application/ports/metrics';
import { PushMessage } from '../../src/application/push/push-message';
import { eventually } from '../support/eventually';
import { aBody, aQuestion } from '../support/message.builder';
import { frame, Op, RawClient } from '../support/raw-client';
import { TestClient } from '../support/test-client';
import { TestHandlersModule } from '../support/test-handlers';
import { TestNode } from '../support/test-node';

const VERSION = 'Sec-WebSocket-Version: 13';
const KEY = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==';
const PROTOCOL = 'Sec-WebSocket-Protocol: wirepost.v1';
/** Of the key above (RFC 6455, section 1.3). */
const ACCEPT = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=';
const MAX_PAYLOAD = 65_536;

describe('a socket', () => {
  let node: TestNode;
  let witness: TestClient;
  beforeAll(async () => {
    node = await TestNode.start({}, [TestHandlersModule]);
    witness = TestClient.connect(await node.url('witness'));
    await eventually(() => {
      expect(witness.welcome).toBeDefined();
    });
  });
  afterAll(() => node.stop());

  async function connect(): Promise<RawClient> {
    const { client, head } = await RawClient.connect(await node.url('raw'), {
      headers: [VERSION, KEY, PROTOCOL],
    });
    expect(head).toMatch(/^HTTP\/1\.1 101 /);
    await eventually(() => {
      expect(client.texts).toMatchObject([{ op: 'welcome' }]);
    });
    return client;
  }

  /** Nobody else's connection has suffered. */
  async function othersAreServed(content: string): Promise<void> {
    await node.push(aBody({ toUniqueId: 'witness', content }));
    await eventually(() => {
      expect(witness.contents).toContain(content);
    });
    expect(witness.closed).toBeUndefined();
  }

  it.each<[string, readonly Buffer[], number]>([
    ['a frame without a mask', [frame(Op.TEXT, '{}', { masked: false })], 1002],
    [
      'a reserved bit, as of a compressed frame that nobody agreed to',
      [frame(Op.TEXT, '{}', { reserved: 4 })],
      1002,
    ],
    ['a reserved opcode', [frame(Op.RESERVED, '')], 1002],
    ['a ping in fragments', [frame(Op.PING, 'a', { fin: false })], 1002],
    ['a ping of more than 125 bytes', [frame(Op.PING, 'x'.repeat(126))], 1002],
    ['a continuation of nothing', [frame(Op.CONTINUATION, 'x')], 1002],
    [
      'a new message in the middle of one',
      [frame(Op.TEXT, '{', { fin: false }), frame(Op.TEXT, '{}')],
      1002,
    ],
    ['a close code that may not be sent', [frame(Op.CLOSE, Buffer.from([0x03, 0xed]))], 1002],
    ['half a close code', [frame(Op.CLOSE, Buffer.from([0x03]))], 1002],
    ['text that is no UTF-8', [frame(Op.TEXT, Buffer.from([0x22, 0xc3, 0x28, 0x22]))], 1007],
    ['text that ends within a character', [frame(Op.TEXT, Buffer.from([0x22, 0xe2, 0x82]))], 1007],
    ['half a pair of UTF-16', [frame(Op.TEXT, Buffer.from([0xed, 0xa0, 0x80]))], 1007],
    ['a character in too many bytes', [frame(Op.TEXT, Buffer.from([0xc0, 0x80]))], 1007],
    [
      'a character that there is not',
      [frame(Op.TEXT, Buffer.from([0xf4, 0x90, 0x80, 0x80]))],
      1007,
    ],
    [
      'text that is no UTF-8 in its last fragment',
      [frame(Op.TEXT, '"', { fin: false }), frame(Op.CONTINUATION, Buffer.from([0xff]))],
      1007,
    ],
    ['a reason that is no UTF-8', [frame(Op.CLOSE, Buffer.from([0x03, 0xe8, 0xff]))], 1007],
    [
      'a frame that announces more than anybody can send',
      [Buffer.from([0x81, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff])],
      1009,
    ],
    ['a message over the limit', [frame(Op.TEXT, 'x'.repeat(MAX_PAYLOAD + 1))], 1009],
    [
      'a message over the limit in fragments',
      [
        frame(Op.TEXT, 'x'.repeat(MAX_PAYLOAD), { fin: false }),
        frame(Op.CONTINUATION, 'x', { fin: false }),
      ],
      1009,
    ],
    [
      'a message in more fragments than anybody needs',
      [
        frame(Op.TEXT, '', { fin: false }),
        ...Array.from({ length: 64 }, () => frame(Op.CONTINUATION, '', { fin: false })),
      ],
      1008,
    ],
  ])('is closed for %s, and no other one with it', async (what, frames, code) => {
    const client = await connect();
    client.socket.write(Buffer.concat(frames));
    await eventually(() => {
      expect(client.closeCode).toBe(code);
    });
    client.socket.end();
    await eventually(() => {
      expect(client.ended).toBe(true);
    });
    await othersAreServed(what);
  });

  it.each(['', 'bytes that nobody asked for'])(
    'that is refused is let go of, though its client keeps its half open: %j',
    async (more) => {
      const client = net.connect({
        port: node.app.port,
        host: '127.0.0.1',
        allowHalfOpen: true,
      });
      client.on('error', () => undefined);
      let answer = '';
      client.on('data', (data) => (answer += data.toString()));
      const head = ['GET /socket/x HTTP/1.1', 'Host: a', 'Upgrade: websocket', VERSION, KEY];
      client.write(`${[...head, 'Connection: Upgrade'].join('\r\n')}\r\n\r\n${more}`);
      await eventually(() => {
        expect(answer).toMatch(/^HTTP\/1\.1 401 .*"UNAUTHENTICATED"/s);
      });
      await eventually(() => {
        client.write('is anybody there?');
        expect(client.destroyed).toBe(true);
      });
    },
  );

  it('takes a message in fragments with a ping between them, byte by byte', async () => {
    const client = await connect();
    const text = JSON.stringify(aQuestion({ businessType: 'test.echo', content: 'käse' }));
    const bytes = Buffer.from(text);
    const cut = bytes.indexOf(0xc3) + 1;
    const frames = Buffer.concat([
      // In the middle of a character.
      frame(Op.TEXT, bytes.subarray(0, cut), { fin: false }),
      frame(Op.PING, 'still there?'),
      frame(Op.CONTINUATION, bytes.subarray(cut, -1), { fin: false }),
      frame(Op.CONTINUATION, bytes.subarray(-1)),
    ]);
    client.socket.setNoDelay(true);
    for (const byte of frames) {
      client.socket.write(Buffer.from([byte]));
      await new Promise(setImmediate);
    }
    await eventually(() => {
      expect(client.texts.at(-1)).toMatchObject({ content: 'käse' });
    });
    const pongs = client.frames.filter(({ op }) => op === Op.PONG);
    expect(pongs.map(({ payload }) => payload.toString())).toEqual(['still there?']);
    client.socket.write(frame(Op.CLOSE, Buffer.from([0x03, 0xe8])));
    await eventually(() => {
      expect(client.closeCode).toBe(1000);
      expect(client.ended).toBe(true);
    });
  });

  it('is opened without compression and with the one subprotocol, whatever else is offered', async () => {
    const { head } = await RawClient.connect(await node.url('raw'), {
      headers: [
        VERSION,
        KEY,
        'Sec-WebSocket-Protocol: mqtt, wirepost.v1, graphql-ws',
        'Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits',
      ],
    });
    expect(head).toMatch(/^HTTP\/1\.1 101 /);
    expect(head).toContain(`Sec-WebSocket-Accept: ${ACCEPT}`);
    expect(head).toContain('Sec-WebSocket-Protocol: wirepost.v1');
    expect(head.toLowerCase()).not.toContain('extensions');
  });

  it.each<[string, readonly string[], string, RegExp]>([
    ['of a version that is none', [KEY, 'Sec-WebSocket-Version: 12'], 'GET', /^HTTP\/1\.1 400 /],
    ['without a key', [VERSION], 'GET', /^HTTP\/1\.1 400 /],
    ['with half a key', [VERSION, 'Sec-WebSocket-Key: dGhl'], 'GET', /^HTTP\/1\.1 400 /],
    ['by another method', [VERSION, KEY], 'POST', /^HTTP\/1\.1 405 [^]*Allow: GET/],
    [
      'for a subprotocol that is none',
      [VERSION, KEY, 'Sec-WebSocket-Protocol: wirepost.v1,'],
      'GET',
      /^HTTP\/1\.1 400 [^]*Sec-WebSocket-Version: 13/,
    ],
    [
      'for a subprotocol twice',
      [VERSION, KEY, 'Sec-WebSocket-Protocol: wirepost.v1, wirepost.v1'],
      'GET',
      /^HTTP\/1\.1 400 /,
    ],
  ])(
    'is not opened by a request %s, whose token stays good',
    async (what, headers, method, status) => {
      const url = await node.url('raw');
      const { client, head } = await RawClient.connect(url, { headers, method });
      expect(head).toMatch(status);
      const better = await RawClient.connect(url, { headers: [VERSION, KEY] });
      expect(better.head).toMatch(/^HTTP\/1\.1 101 /);
      better.client.socket.destroy();
      await eventually(() => {
        expect(client.ended).toBe(true);
      });
      await othersAreServed(what);
    },
  );

  it.each([0, 125, 126, 127, 65_535, MAX_PAYLOAD])(
    'reads a message whose length is where its notation changes: %d bytes',
    async (length) => {
      const client = await connect();
      const ping = '{"op":"ping"}'.padEnd(length);
      client.socket.write(Buffer.concat([frame(Op.TEXT, ping), frame(Op.TEXT, '{"op":"ping"}')]));
      await eventually(() => {
        expect(client.texts.slice(1)).toMatchObject([{ op: 'pong' }, { op: 'pong' }]);
      });
      client.socket.destroy();
    },
  );

  const UPGRADE = ['Upgrade: websocket', 'Connection: Upgrade', VERSION, KEY];
  const HEADERS = Array.from({ length: 2500 }, () => 'a:');
  const TOO_LONG = 'x'.repeat(16 * 1024);

  it.each<[string, readonly string[], RegExp]>([
    ['2500 headers', ['GET /health/live HTTP/1.1', 'Host: a', ...HEADERS], / 200 /],
    ['2500 headers more', ['GET /socket/x HTTP/1.1', 'Host: a', ...UPGRADE, ...HEADERS], / 401 /],
    ['2500 headers first', ['GET /socket/x HTTP/1.1', 'Host: a', ...HEADERS, ...UPGRADE], / 404 /],
    ['a header too long', ['GET /health/live HTTP/1.1', 'Host: a', `a: ${TOO_LONG}`], / 431 /],
    [
      'a header too long in an upgrade',
      ['GET /socket/x HTTP/1.1', 'Host: a', ...UPGRADE, `a: ${TOO_LONG}`],
      / 431 /,
    ],
    ['a path too long', [`GET /socket/${TOO_LONG} HTTP/1.1`, 'Host: a', ...UPGRADE], / 431 /],
    ['half a host', ['GET /nothing HTTP/1.1', 'Host: ['], / 404 /],
    ['half a host in an upgrade', ['GET /socket/x HTTP/1.1', 'Host: [', ...UPGRADE], / 401 /],
    ['no host', ['GET /health/live HTTP/1.1'], / 400 /],
    ['no host in an upgrade', ['GET /socket/x HTTP/1.1', ...UPGRADE], / 401 /],
    [
      'two lengths',
      ['POST / HTTP/1.1', 'Host: a', 'Content-Length: 1', 'Content-Length: 2'],
      / 400 /,
    ],
    [
      'a length and chunks',
      ['POST / HTTP/1.1', 'Host: a', 'Content-Length: 1', 'Transfer-Encoding: chunked'],
      / 400 /,
    ],
    ['what expects the impossible', ['GET / HTTP/1.1', 'Host: a', 'Expect: more'], / 417 /],
    ['TLS where there is none', ['\x16\x03\x01\x02\x00\x01\x00\x01\xfc'], / 400 /],
    ['HTTP/2', ['PRI * HTTP/2.0', '', 'SM'], / 400 /],
  ])('lives on when a request comes with %s', async (what, lines, status) => {
    const { client, head } = await RawClient.ask(node.app.port, lines);
    expect(head.split('\r\n')[0]).toMatch(status);
    client.socket.destroy();
    await othersAreServed(`after ${what}`);
  });

  it.each(['//', '/socket', '/socket/', '/socket/%2e%2e/x', '/socket/../x', '/socket/%00'])(
    'is opened to nobody by the path %s',
    async (path) => {
      for (const more of [[], UPGRADE]) {
        const lines = [`GET ${path} HTTP/1.1`, 'Host: a', ...more];
        const { client, head } = await RawClient.ask(node.app.port, lines);
        expect(head).toMatch(/^HTTP\/1\.1 40[14] /);
        client.socket.destroy();
      }
      await othersAreServed(`after ${path}`);
    },
  );

  it('is not opened by a target that names another host, even with a token', async () => {
    const { pathname } = new URL(await node.url('raw'));
    const lines = [`GET http://evil.example${pathname} HTTP/1.1`, 'Host: a', ...UPGRADE];
    const { client, head } = await RawClient.ask(node.app.port, lines);
    expect(head).toMatch(/^HTTP\/1\.1 404 /);
    client.socket.destroy();
  });

  it('has a limit for the head of a request that is its own, whatever Node.js was told', () => {
    expect(node.app.nest.getHttpServer()).toMatchObject({ maxHeaderSize: 16_384 });
  });

  it.each([
    'POST /websocket/push',
    'POST /websocket%2Fpush',
    'POST /websocket/p%75sh',
    'POST /WEBSOCKET/push',
    'POST /websocket//push',
    'POST //websocket/push',
    'POST /websocket/push/',
    'POST /websocket/push;x',
    'POST /websocket/./push',
    'POST /x/../websocket/push',
    'POST /websocket\\push',
    'POST http://evil.example/websocket/push',
    'POST /websocket/push%00',
    'GET /metrics',
    'HEAD /metrics',
    'GET /metric%73',
    'GET /METRICS',
    'GET //metrics',
    'GET /metrics/',
    'GET /metrics?key=x',
    'GET http://evil.example/metrics',
    'GET /console/feed',
    'GET /console/%66eed',
    'GET /console/x/../feed',
  ])('has no way past the key in another notation of a path: %s', async (request) => {
    const push = jest.spyOn(node.app.nest.get(PushMessage), 'execute');
    const page = jest.spyOn(node.app.nest.get(MetricsPage), 'text');
    const body = JSON.stringify(aBody({ toUniqueId: 'witness' }));
    const length = ['Content-Type: application/json', `Content-Length: ${String(body.length)}`];
    for (const more of [[], ['Authorization: Bearer'], [...length, '', body]]) {
      const { client, head } = await RawClient.ask(node.app.port, [
        `${request} HTTP/1.1`,
        'Host: a',
        'Connection: close',
        ...more,
      ]);
      expect(head).toMatch(/^HTTP\/1\.1 (?:400|401|404|405) /);
      client.socket.destroy();
    }
    expect(push).not.toHaveBeenCalled();
    expect(page).not.toHaveBeenCalled();
    push.mockRestore();
    page.mockRestore();
  });

  it.each([
    'Sec-WebSocket-Protocol',
    'Sec-WebSocket-Extensions',
    'Connection',
    'Origin',
    'Authorization',
    'Accept-Encoding',
    'If-None-Match',
    'Content-Type',
    'Cookie',
  ])('does not wait for who sends blanks in the header %s', async (name) => {
    const paths = await Promise.all(
      Array.from({ length: 20 }, async (_, i) => new URL(await node.url(`b${String(i)}`)).pathname),
    );
    const blanks = ' '.repeat(15_000);
    const started = performance.now();
    // Every second one, of which blanks are not the end, a quarter of a second if it took the square of their number.
    const answers = await Promise.all(
      paths.flatMap((path, i) => {
        const header = `${name}: gzip;q=0${blanks}${i % 2 === 0 ? '' : 'c'}`;
        return [
          RawClient.ask(node.app.port, [`GET ${path} HTTP/1.1`, 'Host: a', ...UPGRADE, header]),
          RawClient.ask(node.app.port, ['GET /client/wirepost.js HTTP/1.1', 'Host: a', header]),
        ];
      }),
    );
    expect(performance.now() - started).toBeLessThan(2500);
    for (const { client, head } of answers) {
      expect(head).toMatch(/^HTTP\/1\.1 (?:101|200|400) /);
      client.socket.destroy();
    }
    const { client, head } = await RawClient.ask(node.app.port, [
      'GET /socket/x HTTP/1.1',
      'Host: a',
      ...UPGRADE,
      `${name}: b${blanks}${blanks}`,
    ]);
    expect(head).toMatch(/^HTTP\/1\.1 431 /);
    client.socket.destroy();
    await othersAreServed(`after ${name}`);
  });
});
