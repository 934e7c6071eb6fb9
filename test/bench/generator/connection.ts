import { connect, type Socket } from 'node:net';

import { FrameReader, type FrameSink } from './frame-reader';

const TEXT = 1;
const CLOSE = 8;
const PING = 9;
const END_OF_HEAD = '\r\n\r\n';
const PONG = Buffer.from([0x8a, 0x80, 0, 0, 0, 0]);
/** One for all sockets: what is read is worked off before the next read. */
const INPUT = Buffer.allocUnsafeSlow(256 * 1024);

/** Where a connection goes and what is said before messages come. */
export interface Target {
  readonly port: number;
  readonly path: string;
  readonly protocol: string;
  readonly greetings: number;
  readonly hello: string;
  readonly localAddress: string;
}

/** Told of what happens on a connection. */
export interface Observer {
  readonly wantsPayload: boolean;
  opened(connection: Connection): void;
  /** A message came; its payload is empty unless `wantsPayload`. */
  message(connection: Connection, payload: Buffer): void;
  /** Everything that one read of so many bytes brought was told. */
  chunkRead(connection: Connection, bytes: number): void;
  closed(connection: Connection, problem: string): void;
}

/** A WebSocket client that is only as much of one as counting needs. */
export class Connection implements FrameSink {
  received = 0;
  isOpen = false;
  private readonly socket: Socket;
  private readonly reader = new FrameReader(this);
  private head = '';
  private isUpgraded = false;
  private greetings: number;
  private isClosed = false;

  constructor(
    readonly index: number,
    private readonly target: Target,
    private readonly observer: Observer,
  ) {
    this.greetings = target.greetings;
    this.socket = connect({
      host: '127.0.0.1',
      port: target.port,
      localAddress: target.localAddress,
      noDelay: true,
      onread: {
        buffer: INPUT,
        callback: (length, buffer) => {
          this.read(buffer as Buffer, length);
          return true;
        },
      },
    });
    this.socket.once('connect', () => {
      this.socket.write(handshake(target));
    });
    this.socket.on('error', (error) => {
      this.end(error.message);
    });
    this.socket.on('close', () => {
      this.end('closed');
    });
  }

  get wantsPayload(): boolean {
    return !this.isOpen || this.observer.wantsPayload;
  }

  frame(opcode: number, payload: Buffer): void {
    if (opcode === PING) this.socket.write(PONG);
    if (opcode === CLOSE) this.end(closeText(payload));
    if (opcode !== TEXT) return;
    if (this.greetings > 0) {
      this.greet();
      return;
    }
    this.received += 1;
    this.observer.message(this, payload);
  }

  /** Bytes that are a frame, or several, already. */
  write(bytes: Buffer): void {
    this.socket.write(bytes);
  }

  /** True when what was written has not left yet. */
  get isBusy(): boolean {
    return this.socket.writableLength > 0;
  }

  destroy(): void {
    this.isClosed = true;
    this.socket.destroy();
  }

  private read(buffer: Buffer, length: number): void {
    if (this.isUpgraded) {
      this.reader.read(buffer, 0, length);
    } else {
      this.head += buffer.toString('latin1', 0, length);
      const end = this.head.indexOf(END_OF_HEAD);
      if (end === -1) return;
      if (!this.head.startsWith('HTTP/1.1 101')) {
        this.end(this.head.slice(0, this.head.indexOf('\r\n')));
        this.socket.destroy();
        return;
      }
      this.upgrade(Buffer.from(this.head.slice(end + END_OF_HEAD.length), 'latin1'));
    }
    this.observer.chunkRead(this, length);
  }

  private upgrade(rest: Buffer): void {
    this.isUpgraded = true;
    this.head = '';
    if (this.greetings === 0) this.open();
    this.reader.read(rest, 0, rest.length);
  }

  private greet(): void {
    if (this.greetings === this.target.greetings && this.target.hello !== '')
      this.write(textFrame(Buffer.from(this.target.hello)));
    this.greetings -= 1;
    if (this.greetings === 0) this.open();
  }

  private open(): void {
    this.isOpen = true;
    this.observer.opened(this);
  }

  private end(problem: string): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.observer.closed(this, problem);
  }
}

/** A masked text frame; the mask is zero, so that the payload can be changed in place. */
export function textFrame(payload: Buffer): Buffer {
  const { length } = payload;
  const head =
    length < 126
      ? Buffer.from([0x81, 0x80 | length, 0, 0, 0, 0])
      : Buffer.from([0x81, 0x80 | 126, length >> 8, length & 0xff, 0, 0, 0, 0]);
  return Buffer.concat([head, payload]);
}

function handshake({ path, port, protocol }: Target): string {
  return [
    `GET ${path} HTTP/1.1`,
    `Host: 127.0.0.1:${String(port)}`,
    'Upgrade: websocket',
    'Connection: Upgrade',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    'Sec-WebSocket-Version: 13',
    ...(protocol === '' ? [] : [`Sec-WebSocket-Protocol: ${protocol}`]),
    END_OF_HEAD.slice(2),
  ].join('\r\n');
}

function closeText(payload: Buffer): string {
  if (payload.length < 2) return 'closed by the server';
  return `closed by the server: ${String(payload.readUInt16BE(0))} ${payload.toString('utf8', 2)}`;
}
