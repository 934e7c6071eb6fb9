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
/** ms within which a URL must come: a backend may be slow, and a request may never be answered. */
const URL_WITHIN = 30_000;
/** ms within which a connection must be welcomed. */
const OPEN_WITHIN = 10_000;
/** ms within which a connection that may have died while the page slept must give a sign of life. */
const PROBE_WITHIN = 5000;
/** ms after which a connection counts as a good one, and the waits start small again. */
const SETTLED_AFTER = 5000;
/** Every third failed attempt takes a new token: the reconnect token itself may be what fails. */
const FRESH_EVERY = 3;

/** ms that a timer can count: beyond 2^31 it fires at once. */
export const LONGEST = 2e9;

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
  /** Where the first token was issued: what was pushed since is due, whichever token is welcomed first. */
  private first: string | undefined;
  /** A URL that need not be asked for. */
  private given: string | undefined;
  /** Attempts since the last good connection. */
  private attempts = 0;
  /** Attempts in a row that ended before a welcome. */
  private unwelcomed = 0;
  private retryAfter: unknown;
  private heartbeat = 0;
  /**
   * Nothing was heard since the last ping. A flag, no comparison of times: after the clock is set back a dead link would
   * count as alive.
   */
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
    this.deadline(URL_WITHIN);
    void this.attempt(fresh);
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
  back(online: boolean): void {
    // A URL that was asked for without a network may never come.
    if (online && this.socket === undefined) this.restart(AGAIN, 'online');
    this.unwelcomed = this.attempts = 0;
    this.wake();
  }

  /** No time to wait. */
  wake(): void {
    if (this.state === 'connected') this.ping(PROBE_WITHIN);
    // Without a timer nobody has connected yet: the owner may still look for its position.
    else if (this.timer !== undefined) this.connect();
  }

  /** Goes on at another URL, whose token is new. */
  move(url: string): void {
    this.given = url;
    this.reconnectToken = undefined;
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

  private async attempt(fresh: boolean): Promise<void> {
    // Another one when another attempt has begun, or close() was called, while the URL came.
    const { timer } = this;
    try {
      // The reconnect token stays: it needs no claim, and so is good while the log takes none.
      const url = fresh
        ? (this.given ?? (await this.owner.url()))
        : this.base + String(this.reconnectToken);
      const issued = issuedAt(url);
      this.first ??= issued;
      if (this.timer !== timer) return;
      this.given = undefined;
      this.base = url.slice(0, url.lastIndexOf('/') + 1);
      const before = issued === this.first ? undefined : this.first;
      this.open(url, this.owner.position(fresh) ?? before);
    } catch (error) {
      // Of an attempt that was given up nobody waits for the URL.
      if (this.timer === timer) this.failed(error);
    }
  }

  private failed(error: unknown): void {
    const { timer } = this;
    this.owner.urlFailed(error);
    // A listener may have closed it.
    if (this.timer !== timer) return;
    this.retryAfter = (error as { retryAfter?: unknown } | undefined | null)?.retryAfter;
    this.lost(ABNORMAL, 'no socket');
  }

  private open(url: string, cursor: string | undefined): void {
    const socket = this.owner.open(
      cursor === undefined ? url : `${url}?cursor=${cursor}`,
      SUBPROTOCOL,
    );
    this.socket = socket;
    this.deadline(OPEN_WITHIN);
    socket.onmessage = (event: { data: unknown }) => {
      if (typeof event.data === 'string') this.onText(event.data);
    };
    socket.onclose = (event: { code: number; reason: string }) => {
      this.lost(event.code, event.reason);
    };
    // A close follows (WHATWG WebSockets), but not in Chromium where a CSP forbids the URL. Node's `ws` throws an error
    // that nobody listens to.
    socket.onerror = () => {
      if (socket.readyState === 3 && this.state === 'connecting') this.lost(ABNORMAL, '');
    };
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
    this.retryAfter = undefined;
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
    this.wait(within, () => {
      if (this.silent) this.lost(ABNORMAL, 'no sign of life');
      else this.ping(this.heartbeat);
    });
  }

  private deadline(within: number): void {
    this.wait(within, () => {
      this.lost(ABNORMAL, 'no welcome');
    });
  }

  private wait(ms: number, then: () => void): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(then, ms);
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
    const { retryAfter } = this;
    const wait =
      typeof retryAfter === 'number' && retryAfter > 0
        ? Math.min(retryAfter, LONGEST)
        : this.jitter();
    this.retryAfter = undefined;
    this.attempts += 1;
    this.wait(wait, () => {
      this.connect();
    });
    this.owner.down(code, reason, wait);
  }

  private jitter(): number {
    const upper = Math.min(WAIT_LAST, WAIT_FIRST * 2 ** (this.attempts + 1));
    return Math.round(WAIT_FIRST + Math.random() * (upper - WAIT_FIRST));
  }

  private abandon(code: number, reason: string): void {
    clearTimeout(this.timer);
    const { socket } = this;
    this.socket = this.timer = undefined;
    if (socket === undefined) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.onerror = () => undefined;
    try {
      // Codes that a page may send are 1000 and 3000–4999.
      socket.close(code < 3000 ? 1000 : code, reason);
    } catch {
      // It is closed already, or was never open.
    }
  }
}
