import { connect, type Socket } from 'node:net';

import { eventually } from './eventually';

/** Opcodes of RFC 6455, section 5.2. */
export const Op = { CONTINUATION: 0, TEXT: 1, RESERVED: 3, CLOSE: 8, PING: 9, PONG: 10 } as const;

/** What a frame says in its first two bytes; FIN and MASK are set where nothing else is said. */
export interface FrameBits {
  readonly fin?: boolean;
  /** RSV1 to RSV3, as three bits. */
  readonly reserved?: number;
  readonly masked?: boolean;
}

/** One frame as a client writes it (RFC 6455, section 5.2). */
export function frame(op: number, payload: Uint8Array | string, bits: FrameBits = {}): Buffer {
  const { fin = true, reserved = 0, masked = true } = bits;
  const body = Buffer.from(payload);
  const first = (fin ? 0x80 : 0) | (reserved << 4) | op;
  const head = Buffer.from([first, ...lengthOf(body.length, masked ? 0x80 : 0)]);
  if (!masked) return Buffer.concat([head, body]);
  const mask = Buffer.from([0x12, 0x34, 0x56, 0x78]);
  const hidden = body.map((byte, i) => byte ^ (mask[i % 4] ?? 0));
  return Buffer.concat([head, mask, hidden]);
}

function lengthOf(length: number, mask: number): Uint8Array {
  if (length <= 125) return Uint8Array.of(mask | length);
  if (length <= 65_535) return Uint8Array.of(mask | 126, length >> 8, length & 0xff);
  const long = Buffer.alloc(9, mask | 127);
  long.writeBigUInt64BE(BigInt(length), 1);
  return long;
}

/** A WebSocket client down to its bytes, that can break every rule. */
export class RawClient {
  private received = Buffer.alloc(0);
  ended = false;

  private constructor(readonly socket: Socket) {
    socket.on('data', (data) => {
      this.received = Buffer.concat([this.received, data]);
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.ended = true;
    });
  }

  /** Sends a request for an upgrade and resolves with the client and the head of the answer. */
  static async connect(
    url: string,
    { headers = [], method = 'GET' }: { headers?: readonly string[]; method?: string } = {},
  ): Promise<{ client: RawClient; head: string }> {
    const { pathname, host, hostname, port } = new URL(url);
    const lines = [
      `${method} ${pathname} HTTP/1.1`,
      `Host: ${host}`,
      'Upgrade: websocket',
      'Connection: Upgrade',
      ...headers,
    ];
    return RawClient.ask(Number(port), lines, hostname);
  }

  /** Sends the head of any request, line by line, and resolves with the client and the head of the answer. */
  static async ask(
    port: number,
    lines: readonly string[],
    host = '127.0.0.1',
  ): Promise<{ client: RawClient; head: string }> {
    const client = new RawClient(connect(port, host));
    client.socket.write(`${lines.join('\r\n')}\r\n\r\n`);
    let end = -1;
    await eventually(() => {
      end = client.received.indexOf('\r\n\r\n');
      if (end === -1) throw new Error('no answer');
    });
    const head = client.received.toString('latin1', 0, end);
    client.received = client.received.subarray(end + 4);
    return { client, head };
  }

  /** The frames that the server has written, whole ones only. */
  get frames(): readonly { readonly op: number; readonly payload: Buffer }[] {
    const found: { op: number; payload: Buffer }[] = [];
    for (let at = 0; at + 2 <= this.received.length;) {
      const short = (this.received[at + 1] ?? 0) & 0x7f;
      const extra = short === 126 ? 2 : short === 127 ? 8 : 0;
      const start = at + 2 + extra;
      if (start > this.received.length) break;
      const length = extra === 0 ? short : this.received.readUIntBE(at + 2, Math.min(extra, 6));
      if (start + length > this.received.length) break;
      const payload = this.received.subarray(start, start + length);
      found.push({ op: (this.received[at] ?? 0) & 0x0f, payload });
      at = start + length;
    }
    return found;
  }

  /** Texts that the server has written, parsed. */
  get texts(): readonly Readonly<Record<string, unknown>>[] {
    return this.frames
      .filter(({ op }) => op === Op.TEXT)
      .map(({ payload }) => JSON.parse(payload.toString()) as Record<string, unknown>);
  }

  /** The code of the server's close frame; undefined while there is none. */
  get closeCode(): number | undefined {
    return this.frames.find(({ op }) => op === Op.CLOSE)?.payload.readUInt16BE(0);
  }
}
