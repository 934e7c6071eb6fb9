import { WebSocket } from 'ws';

import { type Client, connect, type Delivered } from '../../src/client';
import { digest, type History, meaning } from './history';

/** Who a client is, and what addresses it. */
export interface Identity {
  /** Of this client alone; several clients of one user are its tabs. */
  readonly name: string;
  readonly uniqueId: string;
  readonly clientType: string;
  readonly tags: readonly string[];
}

/** What lets clients in: a name for the history, and the origin of its HTTP and socket server. */
export interface Entrance {
  readonly name: string;
  readonly base: string;
}

/** Where clients go: plays the load balancer and the business backend that hands out tokens. */
export interface Doors {
  /** The gateway for the next connection, one of those that a socket URL leads to. */
  leads(url: string): Entrance;
  /** A socket URL with a fresh token. */
  token(identity: Identity): Promise<string>;
}

/** Remembers whether this side closed it first. */
class WatchedSocket extends WebSocket {
  left = false;

  override close(code?: number, reason?: string): void {
    // `ws` answers a close of the other side by this method, too; the SDK lets go of a socket before it closes it.
    if (this.onclose === null) this.left = true;
    super.close(code, reason);
  }

  cut(): void {
    this.left = true;
    this.terminate();
  }
}

/** The real SDK in Node, with every frame, delivery, connect and close in the history. */
export class FaultClient {
  readonly client: Client;
  /** Ids of what its application got. */
  readonly got = new Set<string>();
  /** The gateway that it is, or was last, connected to. */
  gateway = '';
  private readonly sockets = new Set<WatchedSocket>();
  private readonly page = new EventTarget();
  private away = false;

  constructor(
    readonly identity: Identity,
    private readonly doors: Doors,
    private readonly history: History,
    options: { readonly cursor?: string } = {},
  ) {
    // The SDK hears of its network as on a page, and each client has one of its own.
    Object.assign(globalThis, { addEventListener: this.page.addEventListener.bind(this.page) });
    try {
      this.client = connect({
        url: () => doors.token(identity),
        socket: (url, protocol) => this.open(url, protocol),
        ...options,
      });
    } finally {
      Reflect.deleteProperty(globalThis, 'addEventListener');
    }
    this.client.on('*', (message) => {
      this.received(message);
    });
    this.client.listen('connected', ({ resumed }) => {
      history.add({ kind: 'connected', client: this.name, gateway: this.gateway, resumed });
    });
    this.client.listen('gap', (gap) => {
      history.add({ kind: 'gap', client: this.name, ...gap });
    });
    // A URL that could not be had is asked for again; what else goes wrong shows in the history.
    this.client.listen('error', () => undefined);
  }

  get name(): string {
    return this.identity.name;
  }

  get connected(): boolean {
    return this.client.state === 'connected';
  }

  close(): void {
    this.client.close();
  }

  /** Loses its network, without a goodbye, until `online`. */
  offline(): void {
    this.away = true;
    for (const socket of this.sockets) socket.cut();
  }

  online(): void {
    if (!this.away) return;
    this.away = false;
    this.page.dispatchEvent(new Event('online'));
  }

  private received(message: Delivered): void {
    const op = opOf(message);
    this.got.add(op);
    this.record('app', op, { ...message });
  }

  private open(url: string, protocol: string): WebSocket {
    if (this.away) throw new Error('no network');
    const door = this.doors.leads(url);
    const { pathname, search } = new URL(url);
    const socket = new WatchedSocket(
      `${door.base.replace('http', 'ws')}${pathname}${search}`,
      protocol,
    );
    this.gateway = door.name;
    this.sockets.add(socket);
    let isOpen = false;
    socket.on('open', () => {
      isOpen = true;
    });
    socket.on('message', (data) => {
      const frame = JSON.parse((data as Buffer).toString()) as Readonly<Record<string, unknown>>;
      if (!('op' in frame)) this.record('wire', opOf(frame as unknown as Delivered), frame);
    });
    socket.on('unexpected-response', (_request, response) => {
      const status = response.statusCode ?? 0;
      this.history.add({ kind: 'refused', client: this.name, gateway: door.name, status });
      response.resume();
      socket.terminate();
    });
    socket.on('error', () => undefined);
    socket.on('close', (code, why) => {
      this.sockets.delete(socket);
      if (!isOpen) return;
      const by = socket.left ? 'client' : 'server';
      const reason = why.toString();
      this.history.add({ kind: 'closed', client: this.name, gateway: door.name, code, reason, by });
    });
    return socket;
  }

  private record(kind: 'wire' | 'app', op: string, body: Readonly<Record<string, unknown>>): void {
    const from = body['fromUniqueId'];
    this.history.add({
      kind,
      client: this.name,
      op,
      ...(typeof from === 'string' && { from }),
      cursor: String(body['cursor']),
      hash: digest(body),
      meaning: meaning(body),
    });
  }
}

/** A reply belongs to the operation that it answers. */
function opOf({ correlationId, messageId }: Delivered): string {
  return correlationId ?? messageId;
}
