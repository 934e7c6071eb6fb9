import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';

/** Which way bytes go: `up` to the server, `down` to the client. */
export type Way = 'up' | 'down';

/** What the line does to the bytes of one way. */
export interface Line {
  /** ms that each piece is late. */
  delay: number;
  /** Bytes a second; Infinity: as fast as it goes. */
  bandwidth: number;
  /** True: nothing passes, and nobody is told. What came meanwhile passes when it is false again. */
  stalled: boolean;
  /** Bytes after which every connection is reset in the middle of a frame; Infinity: never. */
  dropAfter: number;
}

const SOUND: Line = { delay: 0, bandwidth: Infinity, stalled: false, dropAfter: Infinity };
/** ms between two looks whether a stalled line passes again. */
const LOOK = 20;
/** The piece in which a narrow line passes bytes on. */
const PIECE = 4096;

interface Pair {
  readonly client: Socket;
  readonly server: Socket;
}

/** A TCP line with faults, for what `tc` and iptables do on machines that have them. */
export class FaultProxy {
  readonly up: Line = { ...SOUND };
  readonly down: Line = { ...SOUND };
  private readonly pairs = new Set<Pair>();
  private readonly listener: Server;

  private constructor(private readonly target: { readonly host: string; readonly port: number }) {
    // Half-open connections are one of the faults, so an end of one side does not end the other by itself.
    this.listener = createServer({ allowHalfOpen: true }, (client) => {
      this.accept(client);
    });
  }

  /** Listens on a free port of 127.0.0.1 and leads to the target. */
  static async to(target: { readonly host: string; readonly port: number }): Promise<FaultProxy> {
    const proxy = new FaultProxy(target);
    proxy.listener.listen(0, '127.0.0.1');
    await once(proxy.listener, 'listening');
    return proxy;
  }

  get port(): number {
    return (this.listener.address() as AddressInfo).port;
  }

  /** Nothing passes in either way, and nobody is told. */
  stall(): void {
    this.up.stalled = this.down.stalled = true;
  }

  /** A sound line again; connections that were reset stay so. */
  heal(): void {
    Object.assign(this.up, SOUND);
    Object.assign(this.down, SOUND);
  }

  /** Resets every connection on both sides (RST). */
  reset(): void {
    for (const pair of this.pairs) reset(pair);
  }

  /** Tells the receivers of one way that nothing more comes (FIN), and leaves the other way open. */
  halfClose(way: Way): void {
    for (const { client, server } of this.pairs) (way === 'up' ? server : client).end();
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.listener.close(resolve));
    this.reset();
    await closed;
  }

  private accept(client: Socket): void {
    const server = connect({ ...this.target, allowHalfOpen: true });
    const pair = { client, server };
    this.pairs.add(pair);
    for (const socket of [client, server]) {
      socket.setNoDelay(true);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        if (client.closed && server.closed) this.pairs.delete(pair);
      });
    }
    void this.carry(client, server, this.up, pair);
    void this.carry(server, client, this.down, pair);
  }

  /** Takes from one side and gives to the other, no more at a time than the other takes. */
  private async carry(from: Socket, to: Socket, line: Line, pair: Pair): Promise<void> {
    let passed = 0;
    try {
      for await (const chunk of from) {
        for (const piece of piecesOf(chunk as Buffer, line)) {
          await this.hold(line, piece.length);
          const rest = line.dropAfter - passed;
          passed += piece.length;
          if (passed > line.dropAfter) {
            to.write(piece.subarray(0, Math.max(0, rest)));
            reset(pair);
            return;
          }
          if (!to.write(piece)) await once(to, 'drain');
        }
      }
      to.end();
    } catch {
      // One side is gone. A line that stands still carries no news of that either.
      await this.moves(line);
      to.destroy();
    }
  }

  /** As long as the line takes for so many bytes. */
  private async hold(line: Line, bytes: number): Promise<void> {
    if (line.delay > 0) await wait(line.delay);
    if (line.bandwidth < Infinity) await wait((bytes / line.bandwidth) * 1000);
    await this.moves(line);
  }

  private async moves(line: Line): Promise<void> {
    while (line.stalled && this.listener.listening) await wait(LOOK);
  }
}

/** A narrow line passes small pieces, so that what is under way is seen to grow. */
function piecesOf(bytes: Buffer, { bandwidth }: Line): Buffer[] {
  if (bandwidth === Infinity) return [bytes];
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += PIECE) pieces.push(bytes.subarray(at, at + PIECE));
  return pieces;
}

function reset({ client, server }: Pair): void {
  client.resetAndDestroy();
  server.resetAndDestroy();
}
