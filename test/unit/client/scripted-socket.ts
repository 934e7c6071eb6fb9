import { connect, type Client, type ConnectOptions, type SocketLike } from '../../../src/client';
import type { Frame } from '../../support/test-client';

/** A socket whose server side is the test. */
export class ScriptedSocket implements SocketLike {
  onopen: SocketLike['onopen'] = null;
  onmessage: SocketLike['onmessage'] = null;
  onclose: SocketLike['onclose'] = null;
  onerror: SocketLike['onerror'] = null;
  readyState = 1;
  readonly sent: Frame[] = [];
  /** Code with which the client gave it up. */
  closedWith: number | undefined;

  constructor(
    readonly url: string,
    readonly protocol: string,
  ) {}

  send(text: string): void {
    this.sent.push(JSON.parse(text) as Frame);
  }

  close(code?: number): void {
    this.closedWith = code;
  }

  ops(op: string): Frame[] {
    return this.sent.filter((frame) => frame['op'] === op);
  }

  get bodies(): Frame[] {
    return this.sent.filter((frame) => !('op' in frame));
  }

  receive(frame: object): void {
    this.onmessage?.({ data: JSON.stringify(frame) } as never);
  }

  welcome(fields: object = {}): void {
    this.receive({
      op: 'welcome',
      connectionId: `connection of ${this.url}`,
      uniqueId: 'u1',
      clientType: 'H5',
      cursor: '10-1000',
      resumed: this.url.includes('?cursor='),
      heartbeat: 25_000,
      limits: { maxPayload: 65_536, maxDepth: 32, repeatWithin: 450_000 },
      reconnectToken: 'again',
      sessionEnds: 0,
      ...fields,
    });
  }

  /** A unified body at an offset of the log. */
  deliver(offset: number, fields: object = {}): void {
    this.receive({
      sendType: 'UNICAST',
      messageType: 'SERVER_TO_CLIENT',
      businessType: 'news',
      timestamp: 1000 + offset,
      content: offset,
      messageId: `m${String(offset)}`,
      cursor: `${String(offset)}-${String(1000 + offset)}`,
      ...fields,
    });
  }

  drop(code = 1006, reason = ''): void {
    this.onclose?.({ code, reason } as never);
  }
}

/** A client on scripted sockets; its `url` callback gives a numbered token each time. */
export class ScriptedClient {
  readonly sockets: ScriptedSocket[] = [];
  readonly events: [string, object][] = [];
  tokens = 0;
  readonly client: Client;

  constructor(options: Partial<ConnectOptions> = {}) {
    this.client = connect({
      url: () => `wss://host/rt/socket/token${String(++this.tokens)}`,
      socket: (url, protocol) => {
        const socket = new ScriptedSocket(url, protocol);
        this.sockets.push(socket);
        return socket;
      },
      ...options,
    });
    for (const name of [
      'connected',
      'disconnected',
      'resumed',
      'gap',
      'rejected',
      'error',
    ] as const) {
      this.client.listen(name, (event) => this.events.push([name, event]));
    }
  }

  /** A client that was welcomed. */
  static async welcomed(options: Partial<ConnectOptions> = {}): Promise<ScriptedClient> {
    const scripted = new ScriptedClient(options);
    await settled();
    scripted.socket.welcome();
    return scripted;
  }

  /** The newest socket. */
  get socket(): ScriptedSocket {
    const socket = this.sockets.at(-1);
    if (socket === undefined) throw new Error('no socket was opened');
    return socket;
  }

  named(name: string): object[] {
    return this.events.filter(([event]) => event === name).map(([, event]) => event);
  }

  /** Runs the clock until the next socket is opened, and welcomes it. */
  async again(fields: object = {}): Promise<ScriptedSocket> {
    const before = this.sockets.length;
    for (let waited = 0; waited < 30_000 && this.sockets.length === before; waited += 50)
      await jest.advanceTimersByTimeAsync(50);
    expect(this.sockets).toHaveLength(before + 1);
    this.socket.welcome(fields);
    return this.socket;
  }
}

/** Lets promises settle without moving the clock. */
export function settled(): Promise<void> {
  return jest.advanceTimersByTimeAsync(0);
}
