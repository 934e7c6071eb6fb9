import type { Duplex } from 'node:stream';

import { WebSocket } from 'ws';

import type { ClientChannel } from '../../application/ports/client-channel';
import { type CloseCode } from '../../protocol/close-codes';
import { PING_FRAME } from './text-frame';

/**
 * Chunks up to this many bytes together are copied into one, which is cheaper than writing each; what a slow socket does
 * not take of a copy is held in memory. More go out as they are, in pieces of the window's own memory.
 */
const COPY_BELOW = 65_536;

/**
 * Writes ready-made frames straight to the TCP or TLS socket beneath a `ws` connection. That is sound because `ws`
 * itself writes whole frames only, without compression and in the same tick in which it is asked to.
 */
export class SocketChannel implements ClientChannel {
  /** Told when the socket has drained after it was full. */
  user: { onDrain(): void } | undefined;
  private isFull = false;

  constructor(
    private readonly ws: WebSocket,
    private readonly socket: Duplex,
  ) {}

  get buffered(): number {
    return this.socket.writableLength;
  }

  get isOpen(): boolean {
    return this.ws.readyState === WebSocket.OPEN && this.socket.writable;
  }

  write(chunks: readonly Uint8Array[]): void {
    if (!this.isOpen) return;
    const [only] = chunks;
    if (chunks.length === 1 && only !== undefined) {
      this.put(only);
      return;
    }
    let bytes = 0;
    for (const chunk of chunks) bytes += chunk.length;
    if (bytes < COPY_BELOW) {
      this.put(Buffer.concat(chunks, bytes));
      return;
    }
    this.socket.cork();
    for (const chunk of chunks) this.put(chunk);
    this.socket.uncork();
  }

  ping(): void {
    if (this.isOpen) this.put(PING_FRAME);
  }

  /** Starts the closing handshake; `reason` is a constant text. */
  close(code: CloseCode, reason: string): void {
    this.ws.close(code, reason);
  }

  /** Stops and starts reading from the client. */
  setReading(reading: boolean): void {
    if (reading) this.ws.resume();
    else this.ws.pause();
  }

  /** Listens for the drain only while it is due: few sockets are ever full. */
  private put(chunk: Uint8Array): void {
    if (this.socket.write(chunk) || this.isFull) return;
    this.isFull = true;
    this.socket.once('drain', () => {
      this.isFull = false;
      this.user?.onDrain();
    });
  }
}
