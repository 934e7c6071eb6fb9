import { Duplex } from 'node:stream';

import { WebSocket } from 'ws';

import { SocketChannel } from '../../../src/interface/websocket/socket-channel';
import { SlowSocket } from '../../support/slow-socket';

/** A socket that takes everything at once and remembers how it was given. */
class RecordingSocket extends Duplex {
  readonly bytesWritten = 0;
  /** The chunks of each system call. */
  readonly calls: Uint8Array[][] = [];

  override _write(chunk: Uint8Array, _encoding: string, done: () => void): void {
    this.calls.push([chunk]);
    done();
  }

  override _writev(chunks: { chunk: Uint8Array }[], done: () => void): void {
    this.calls.push(chunks.map(({ chunk }) => chunk));
    done();
  }
}

const open = { readyState: WebSocket.OPEN } as WebSocket;

describe('SocketChannel', () => {
  it('tells at a look whether what waited has been taken', () => {
    const socket = new SlowSocket();
    const channel = new SocketChannel(open, socket);
    expect(channel.look()).toBe(false);
    channel.write([new Uint8Array(60)]);
    channel.write([new Uint8Array(60)]);
    expect(channel.look()).toBe(false);
    socket.takeOne();
    expect(channel.look()).toBe(true);
    expect(channel.stalled).toBe(0);
    channel.write([new Uint8Array(60)]);
    for (const looks of [1, 2, 3]) {
      expect(channel.look()).toBe(false);
      expect(channel.stalled).toBe(looks);
    }
    socket.takeAll();
    expect(channel.look()).toBe(true);
    expect(channel.stalled).toBe(0);
  });

  it('takes nothing for a sign of life that went into an empty buffer of the kernel', () => {
    const socket = new SlowSocket();
    const channel = new SocketChannel(open, socket);
    for (let look = 0; look < 5; look += 1) {
      channel.write([new Uint8Array(60)]);
      socket.takeAll();
      expect(channel.look()).toBe(false);
      expect(channel.stalled).toBe(0);
    }
  });

  const filled = (bytes: number): Uint8Array[] =>
    Array.from({ length: 100 }, (_, i) => new Uint8Array(bytes / 100).fill(i));

  it('writes small chunks as one copy', () => {
    const socket = new RecordingSocket();
    const chunks = filled(45_000);
    new SocketChannel(open, socket).write(chunks);
    expect(socket.calls).toEqual([[Buffer.concat(chunks)]]);
  });

  it('writes many bytes as one copy where they are small pieces, which would each keep a slab', () => {
    const socket = new RecordingSocket();
    const chunks = filled(1_600_000);
    new SocketChannel(open, socket).write(chunks);
    const [[copy] = []] = socket.calls;
    expect(socket.calls.flat()).toHaveLength(1);
    expect(Buffer.concat(chunks).equals(copy ?? Buffer.alloc(0))).toBe(true);
  });

  it('writes many bytes in large pieces in one go without a copy of them', () => {
    const socket = new RecordingSocket();
    const chunks = filled(1_700_000);
    new SocketChannel(open, socket).write(chunks);
    expect(socket.calls).toHaveLength(1);
    expect(socket.calls[0]?.every(({ buffer }, i) => buffer === chunks[i]?.buffer)).toBe(true);
  });

  it('tells of each time that a full socket has drained, and listens only then', async () => {
    const socket = new SlowSocket();
    const channel = new SocketChannel(open, socket);
    let drains = 0;
    channel.user = { onDrain: () => (drains += 1) };
    channel.write([new Uint8Array(50)]);
    expect(socket.listenerCount('drain')).toBe(0);
    for (let round = 1; round <= 2; round += 1) {
      channel.write([new Uint8Array(60)]);
      channel.write([new Uint8Array(60)]);
      expect(socket.listenerCount('drain')).toBe(1);
      socket.takeAll();
      await new Promise((resolve) => setImmediate(resolve));
      expect(drains).toBe(round);
      expect(socket.listenerCount('drain')).toBe(0);
    }
  });

  it('writes nothing to a socket that is closing', () => {
    const socket = new RecordingSocket();
    new SocketChannel({ readyState: WebSocket.CLOSING } as WebSocket, socket).write(filled(100));
    expect(socket.calls).toEqual([]);
  });
});
