import net from 'node:net';

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
    ['by another method', [VERSION, KEY], 'POST', /^HTTP\/1\.1 405 /],
  ])('is not opened by a request %s', async (what, headers, method, status) => {
    const { client, head } = await RawClient.connect(await node.url('raw'), { headers, method });
    expect(head).toMatch(status);
    await eventually(() => {
      expect(client.ended).toBe(true);
    });
    await othersAreServed(what);
  });
});
