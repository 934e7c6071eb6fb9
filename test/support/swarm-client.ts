import { createHash } from 'node:crypto';

import { WebSocket } from 'ws';

import { SUBPROTOCOL } from '../../src/protocol/frames';

/** As in the SDK: ms before another attempt, with full jitter below a bound that doubles. */
const WAIT_FIRST = 500;
const WAIT_LAST = 20_000;
const TOKEN = 4401;

interface Frame {
  readonly op?: string;
  readonly cursor?: string;
  readonly messageId?: string;
  readonly reconnectToken?: string | undefined;
  readonly retryAfter?: number;
}

/**
 * A client as lean as it can be, so that thousands fit into one process. It connects, resumes and waits as the SDK does,
 * and keeps a running digest of what it got in place of the messages.
 */
export class SwarmClient {
  received = 0;
  /** Bodies whose offset was not above the last one. */
  duplicates = 0;
  gaps = 0;
  /** The messageId that it got last. */
  last = '';
  connected = false;
  /** ms from the mark to the welcome after it; undefined while there was none. */
  resumedAfter: number | undefined;
  /** True when its connection has ended since the mark. */
  wasLost = false;
  readonly closes: number[] = [];
  private socket: WebSocket | undefined;
  private state = '';
  private cursor: string | undefined;
  private offset = -1;
  private reconnectToken: string | undefined;
  private attempts = 0;
  private retryAfter = 0;
  private marked = performance.now();

  constructor(
    private readonly base: () => string,
    private readonly token: () => Promise<string>,
  ) {}

  /** Equal for clients that got the same messages in the same order. */
  get digest(): string {
    return this.state;
  }

  /** Resolves when it has been welcomed, or has failed and waits for its next attempt. */
  async connect(): Promise<void> {
    const token = this.reconnectToken ?? (await this.token());
    const query = this.cursor === undefined ? '' : `?cursor=${this.cursor}`;
    const url = `${this.base().replace('http', 'ws')}/socket/${token}${query}`;
    const socket = new WebSocket(url, [SUBPROTOCOL], { perMessageDeflate: false });
    this.socket = socket;
    await new Promise<void>((resolve) => {
      socket.on('message', (data) => {
        this.frame((data as Buffer).toString());
        resolve();
      });
      socket.on('error', () => undefined);
      socket.on('close', (code) => {
        this.closed(code);
        resolve();
      });
    });
  }

  /** From here on `resumedAfter` and `wasLost` count. */
  mark(): void {
    this.marked = performance.now();
    this.resumedAfter = undefined;
    this.wasLost = false;
    this.closes.length = 0;
  }

  /** Stops, or starts, to read from its socket. */
  stall(stalled: boolean): void {
    if (stalled) this.socket?.pause();
    else this.socket?.resume();
  }

  private frame(text: string): void {
    const frame = JSON.parse(text) as Frame;
    if (frame.op === undefined) this.body(frame.cursor ?? '', frame.messageId ?? '');
    else if (frame.op === 'welcome') this.welcomed(frame);
    else if (frame.op === 'gap') this.gaps += 1;
    else if (frame.op === 'bye') this.retryAfter = frame.retryAfter ?? 0;
  }

  private welcomed({ cursor, reconnectToken }: Frame): void {
    this.connected = true;
    this.attempts = 0;
    this.reconnectToken = reconnectToken;
    this.cursor ??= cursor;
    if (this.wasLost) this.resumedAfter ??= performance.now() - this.marked;
  }

  private body(cursor: string, messageId: string): void {
    const offset = Number(cursor.split('-')[0]);
    if (offset <= this.offset) {
      this.duplicates += 1;
      return;
    }
    this.offset = offset;
    this.cursor = cursor;
    this.received += 1;
    this.last = messageId;
    this.state = createHash('sha1').update(`${this.state} ${messageId}`).digest('base64url');
  }

  private closed(code: number): void {
    this.connected = false;
    this.wasLost = true;
    this.closes.push(code);
    if (code === TOKEN) this.reconnectToken = undefined;
    const upper = Math.min(WAIT_LAST, WAIT_FIRST * 2 ** (this.attempts + 1));
    const wait = this.retryAfter || WAIT_FIRST + Math.random() * (upper - WAIT_FIRST);
    this.attempts += 1;
    this.retryAfter = 0;
    setTimeout(() => void this.connect(), wait);
  }
}
