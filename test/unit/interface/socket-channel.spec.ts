import { Duplex } from 'node:stream';

import { WebSocket } from 'ws';

import { SocketChannel } from '../../../src/interface/websocket/socket-channel';

/** A socket that takes everything at once and remembers how it was given. */
class RecordingSocket extends Duplex {
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

describe('SocketChannel', () => {
  const open = { readyState: WebSocket.OPEN } as WebSocket;
  const filled = (bytes: number): Uint8Array[] =>
    Array.from({ length: 100 }, (_, i) => new Uint8Array(bytes / 100).fill(i));

  it('writes small chunks as one copy', () => {
    const socket = new RecordingSocket();
    const chunks = filled(45_000);
    new SocketChannel(open, socket).write(chunks);
    expect(socket.calls).toEqual([[Buffer.concat(chunks)]]);
  });

  it('writes many bytes in one go without a copy of them', () => {
    const socket = new RecordingSocket();
    const chunks = filled(100_000);
    new SocketChannel(open, socket).write(chunks);
    expect(socket.calls).toHaveLength(1);
    expect(socket.calls[0]?.every(({ buffer }, i) => buffer === chunks[i]?.buffer)).toBe(true);
  });

  it('tells of each time that a full socket has drained, and listens only then', async () => {
    const taken: (() => void)[] = [];
    const socket = new Duplex({
      highWaterMark: 100,
      write: (_chunk, _encoding, done) => {
        taken.push(done);
      },
    });
    const channel = new SocketChannel(open, socket);
    let drains = 0;
    channel.user = { onDrain: () => (drains += 1) };
    channel.write([new Uint8Array(50)]);
    expect(socket.listenerCount('drain')).toBe(0);
    for (let round = 1; round <= 2; round += 1) {
      channel.write([new Uint8Array(60)]);
      channel.write([new Uint8Array(60)]);
      expect(socket.listenerCount('drain')).toBe(1);
      while (socket.writableLength > 0) taken.shift()?.();
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
