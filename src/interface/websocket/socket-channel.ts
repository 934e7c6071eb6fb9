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
 * Chunks of fewer bytes than this on average are copied in any case: one that a socket does not take keeps a slab of the
 * window, 256 KiB, from being freed.
 */
const COPY_CHUNKS_BELOW = 16_384;

/** A TCP or TLS socket; `bytesWritten` counts what waits as well. */
export interface PeerSocket extends Duplex {
  readonly bytesWritten: number;
  /**
   * What Node.js itself looks at to know whether a write makes progress, for a socket's timeout (lib/net.js): the others count a
   * write as a whole, when it has ended.
   */
  readonly _handle?: { readonly writeQueueSize?: number } | null;
}

/**
 * Writes ready-made frames straight to the TCP or TLS socket beneath a `ws` connection. That is sound because `ws`
 * itself writes whole frames only, without compression and in the same tick in which it is asked to.
 */
export class SocketChannel implements ClientChannel {
  /** Told when the socket has drained after it was full. */
  user: { onDrain(): void } | undefined;
  private isFull = false;
  /** Bytes that the kernel had taken at the last look; -1 where none waited then. */
  private takenThen = -1;
  /** Bytes of the write under way then that it had not taken. */
  private queuedThen = 0;
  /** Looks in a row at which bytes waited of which none had been taken since the look before. */
  stalled = 0;

  constructor(
    private readonly ws: WebSocket,
    private readonly socket: PeerSocket,
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
    if (bytes < Math.max(COPY_BELOW, chunks.length * COPY_CHUNKS_BELOW)) {
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

  /**
   * To be called from time to time: true when some of what waited at the last look has been taken since. That only a
   * living peer can bring about, while a dead one's kernel buffer takes what comes until it is full.
   */
  look(): boolean {
    const { bytesWritten, writableLength } = this.socket;
    const taken = bytesWritten - writableLength;
    const queued = this.socket._handle?.writeQueueSize ?? 0;
    const isTaking = this.takenThen !== -1 && (taken > this.takenThen || queued < this.queuedThen);
    this.queuedThen = queued;
    this.stalled = this.takenThen !== -1 && !isTaking ? this.stalled + 1 : 0;
    this.takenThen = writableLength === 0 ? -1 : taken;
    return isTaking;
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
