import { shouldReconnect } from '../protocol/close-codes';
import {
  type ClientFrame,
  type ServerFrame,
  SUBPROTOCOL,
  type WelcomeFrame,
} from '../protocol/frames';
import { issuedAt } from './token';
import type { SocketLike, State } from './types';

/** Bounds of the wait before another attempt, ms; full jitter between the first and a doubling upper bound. */
const WAIT_FIRST = 500;
const WAIT_LAST = 20_000;
/** ms within which a connection must be welcomed. */
const OPEN_WITHIN = 10_000;
/** ms within which a connection that may have died while the page slept must give a sign of life. */
const PROBE_WITHIN = 5000;
/** ms after which a connection counts as a good one, and the waits start small again. */
const SETTLED_AFTER = 5000;
/** Every third failed attempt takes a new token: the reconnect token itself may be what fails. */
const FRESH_EVERY = 3;

const ABNORMAL = 1006;
const TOKEN = 4401;
/** With which the client itself gives up a socket. */
export const AGAIN = 4000;

export interface ConnectionOwner {
  /** A socket URL with a new token. */
  url(): Promise<string>;
  open(url: string, protocol: string): SocketLike;
  /** Where to go on; undefined leaves it to the token. */
  position(fresh: boolean): string | undefined;
  frame(frame: ServerFrame): void;
  /** A unified body. */
  body(value: object): void;
  down(code: number, reason: string, retryIn: number | undefined): void;
  urlFailed(error: unknown): void;
}

/**
 * The life of the connection, over as many sockets as it takes:
 *
 *     connecting ──welcome──▶ connected ──close, silence, restart()──▶ waiting ──time, wake()──▶ connecting …
 *     any ──terminal close code, close()──▶ closed
 *
 * A socket that is given up is never listened to again, so that one that never fires `onclose` does no harm.
 */
export class Connection {
  state: State = 'waiting';
  private socket: SocketLike | undefined;
  private base = '';
  private reconnectToken: string | undefined;
  /** The first URL: what was pushed since its token was issued is due, whichever token is welcomed at last. */
  private first: string | undefined;
  /** A URL that need not be asked for. */
  private given: string | undefined;
  /** Attempts since the last good connection. */
  private attempts = 0;
  /** Attempts in a row that ended before a welcome. */
  private unwelcomed = 0;
  private retryAfter = 0;
  private heartbeat = 0;
  /** Nothing was heard since the last ping. No comparison of times: a clock that is set back would make it last. */
  private silent = false;
  private welcomedAt = 0;
  /** The one timer: the next attempt, the deadline of an opening, or the next heartbeat. */
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly owner: ConnectionOwner) {}

  /** Connects now, unless it is connected or connecting. */
  connect(): void {
    if (this.state !== 'waiting') return;
    this.state = 'connecting';
    const fresh =
      this.reconnectToken === undefined || this.unwelcomed % FRESH_EVERY === FRESH_EVERY - 1;
    this.deadline();
    const epoch = this.timer;
    this.target(fresh).then(
      (url) => {
        // Another attempt has begun, or close() was called, while the token came.
        if (this.state === 'connecting' && this.timer === epoch) this.open(url);
      },
      (error: unknown) => {
        this.owner.urlFailed(error);
        if (this.state !== 'connecting' || this.timer !== epoch) return;
        this.retryAfter = retryAfterOf(error);
        this.lost(ABNORMAL, 'no URL');
      },
    );
  }

  /** Sends a frame when connected. */
  write(text: string): void {
    if (this.state === 'connected') this.socket?.send(text);
  }

  control(frame: ClientFrame): void {
    this.write(JSON.stringify(frame));
  }

  /** Gives up the socket and connects anew after a wait, as after a loss. */
  restart(code: number, reason: string): void {
    if (this.state === 'connecting' || this.state === 'connected') this.lost(code, reason);
  }

  /** The network or the page is back: what failed without it tells nothing, of the reconnect token or of the server. */
  back(): void {
    this.unwelcomed = this.attempts = 0;
    this.wake();
  }

  /** No time to wait. */
  wake(): void {
    if (this.state === 'waiting') {
      // Without a timer nobody has connected yet: the owner may still look for its position.
      if (this.timer === undefined) return;
      clearTimeout(this.timer);
      this.connect();
    } else if (this.state === 'connected') this.ping(PROBE_WITHIN);
  }

  /** Goes on at another URL, whose token is new. */
  move(url: string): void {
    this.given = url;
    this.first = this.reconnectToken = undefined;
    this.restart(AGAIN, 'moved');
    this.wake();
  }

  /** Ends it for ever. */
  close(code: number, reason: string): void {
    if (this.state === 'closed') return;
    this.state = 'closed';
    this.abandon(code, reason);
    this.owner.down(code, reason, undefined);
  }

  private async target(fresh: boolean): Promise<string> {
    let url = this.base + (this.reconnectToken ?? '');
    if (fresh) {
      url = this.given ?? (await this.owner.url());
      this.given = undefined;
      // The reconnect token stays: it needs no claim, and so is good while the log takes none.
      this.base = url.slice(0, url.lastIndexOf('/') + 1);
    }
    // An error page in place of a URL says nothing of a position.
    if (issuedAt(url) !== undefined) this.first ??= url;
    const before = url === this.first ? undefined : issuedAt(this.first ?? '');
    const cursor = this.owner.position(fresh) ?? before;
    return cursor === undefined ? url : `${url}?cursor=${cursor}`;
  }

  private open(url: string): void {
    let socket: SocketLike;
    try {
      socket = this.owner.open(url, SUBPROTOCOL);
    } catch (error) {
      this.owner.urlFailed(error);
      this.lost(ABNORMAL, 'no socket');
      return;
    }
    this.socket = socket;
    socket.onmessage = (event: { data: unknown }) => {
      if (typeof event.data === 'string') this.onText(event.data);
    };
    socket.onclose = (event: { code: number; reason: string }) => {
      this.lost(event.code, event.reason);
    };
    // A close follows (WHATWG WebSockets); Node's `ws` throws an error that nobody listens to.
    socket.onerror = () => undefined;
  }

  private onText(text: string): void {
    this.silent = false;
    const value = JSON.parse(text) as object;
    if (!('op' in value)) {
      this.owner.body(value);
      return;
    }
    const frame = value as ServerFrame;
    if (frame.op === 'welcome') this.welcomed(frame);
    else if (frame.op === 'bye') this.retryAfter = frame.retryAfter;
    this.owner.frame(frame);
  }

  private welcomed(frame: WelcomeFrame): void {
    this.reconnectToken = frame.reconnectToken;
    this.heartbeat = frame.heartbeat;
    if (this.state === 'connected') return;
    this.state = 'connected';
    this.unwelcomed = 0;
    this.retryAfter = 0;
    this.welcomedAt = Date.now();
    this.beat(this.heartbeat);
  }

  /** Sends a ping and expects to have heard something after `within` ms. */
  private ping(within: number): void {
    this.silent = true;
    this.control({ op: 'ping' });
    this.beat(within);
  }

  private beat(within: number): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      if (this.silent) this.lost(ABNORMAL, 'no sign of life');
      else this.ping(this.heartbeat);
    }, within);
  }

  private deadline(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.lost(ABNORMAL, 'no welcome');
    }, OPEN_WITHIN);
  }

  private lost(code: number, reason: string): void {
    if (this.state === 'connected') {
      if (Date.now() - this.welcomedAt > SETTLED_AFTER) this.attempts = 0;
    } else this.unwelcomed += 1;
    if (!shouldReconnect(code)) {
      this.close(code, reason);
      return;
    }
    if (code === TOKEN) this.reconnectToken = undefined;
    this.abandon(code, reason);
    this.state = 'waiting';
    const wait = this.retryAfter > 0 ? this.retryAfter : this.jitter();
    this.retryAfter = 0;
    this.attempts += 1;
    this.timer = setTimeout(() => {
      this.connect();
    }, wait);
    this.owner.down(code, reason, wait);
  }

  private jitter(): number {
    const upper = Math.min(WAIT_LAST, WAIT_FIRST * 2 ** (this.attempts + 1));
    return Math.round(WAIT_FIRST + Math.random() * (upper - WAIT_FIRST));
  }

  private abandon(code: number, reason: string): void {
    clearTimeout(this.timer);
    const { socket } = this;
    this.socket = undefined;
    if (socket === undefined) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.onerror = () => undefined;
    try {
      // Codes that a page may send are 1000 and 3000–4999.
      socket.close(code === 1000 || code >= 3000 ? code : 1000, reason);
    } catch {
      // It is closed already, or was never open.
    }
  }
}

function retryAfterOf(error: unknown): number {
  const value = (error as { retryAfter?: unknown } | undefined | null)?.retryAfter;
  return typeof value === 'number' && value > 0 ? value : 0;
}
