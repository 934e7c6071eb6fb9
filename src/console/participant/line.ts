import type { SocketLike } from '../../client';

type Direction = 'in' | 'out';

/** Hears every frame, before the SDK does. */
type Tap = (direction: Direction, text: string) => void;

/** As after a cable was pulled (RFC 6455 section 7.1.5). */
const ABNORMAL = 1006;

/** A real socket that is listened to, and can be taken away. */
class TappedSocket implements SocketLike {
  onopen: ((event: never) => unknown) | null = null;
  onmessage: ((event: never) => unknown) | null = null;
  onclose: ((event: never) => unknown) | null = null;
  onerror: ((event: never) => unknown) | null = null;

  constructor(
    private readonly native: WebSocket | undefined,
    private readonly tap: Tap,
  ) {
    if (native === undefined) {
      queueMicrotask(() => {
        this.lose();
      });
      return;
    }
    native.onmessage = (event: MessageEvent<unknown>) => {
      if (typeof event.data !== 'string') return;
      tap('in', event.data);
      this.onmessage?.(event as never);
    };
    native.onclose = (event) => {
      this.onclose?.(event as never);
    };
  }

  send(text: string): void {
    this.tap('out', text);
    this.native?.send(text);
  }

  close(code?: number, reason?: string): void {
    this.native?.close(code, reason);
  }

  /** The connection is gone, and no frame on its way arrives any more. */
  lose(): void {
    if (this.native !== undefined) {
      this.native.onmessage = this.native.onclose = null;
      this.native.close();
    }
    this.onclose?.({ code: ABNORMAL, reason: 'cut' } as never);
  }
}

/** The network between one client and the service: it can be cut, stays cut, and is mended. */
export class Line {
  isCut = false;
  private socket: TappedSocket | undefined;

  constructor(private readonly tap: Tap) {}

  /** For the SDK's option `socket`. */
  readonly open = (url: string, protocol: string): SocketLike => {
    const native = this.isCut ? undefined : new WebSocket(url, protocol);
    this.socket = new TappedSocket(native, this.tap);
    return this.socket;
  };

  cut(): void {
    this.isCut = true;
    this.socket?.lose();
  }

  mend(): void {
    this.isCut = false;
  }
}
