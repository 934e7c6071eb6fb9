import type { RejectedFrame, ServerFrame, WelcomeFrame } from '../protocol/frames';
import type { Json } from '../protocol/unified-body';
import { AGAIN, Connection, LONGEST } from './connection';
import { CursorStore } from './cursor-store';
import { EventHub, type Listener } from './event-hub';
import { host } from './host';
import { Inbox } from './inbox';
import { Outbox } from './outbox';
import { issuedAt } from './token';
import {
  type ClientEvents,
  type ConnectOptions,
  type Delivered,
  type Identity,
  type MessageHandler,
  type Sendable,
  type State,
  WirepostError,
} from './types';

/** Ids of requests start so: a reply to one is for the page that asked, not for another tab of the same user. */
const REQUEST = 'rq.';
const REQUEST_TIMEOUT = 30_000;
/** Close code of a client that has ended. */
const CLOSED = 1000;

interface Waiting<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (error: WirepostError) => void;
}

/** A client of Wirepost: one identity, one connection at a time, renewed for as long as the client is not closed. */
export class Client {
  private readonly events = new EventHub();
  private readonly inbox: Inbox;
  private readonly outbox: Outbox;
  private readonly store: CursorStore;
  private readonly connection: Connection;
  private readonly requests = new Map<string, Waiting<Delivered>>();
  private renewal: (Waiting<Identity> & { readonly token: string }) | undefined;
  private who: Identity | undefined;
  private readonly unwatch: () => void;

  constructor(private readonly options: ConnectOptions) {
    this.inbox = new Inbox(
      {
        handled: (cursor) => {
          // What was of a former identity or log is none of the present one's.
          if (this.inbox.isBehind) return;
          this.store.save(cursor);
          this.connection.control({ op: 'ack', cursor });
        },
        gap: ({ from, to, reason }) => {
          this.events.emit('gap', { from, to, reason });
        },
        failed: (error, message, attempt, final) => {
          // First, so that nothing is delivered between the failed message and its repetition.
          if (!final) this.connection.restart(AGAIN, 'a handler failed');
          this.events.emit('error', { error, message, attempt, final });
        },
        drained: () => {
          this.reconnect();
        },
      },
      options.handlerAttempts ?? 5,
    );
    this.outbox = new Outbox(options.queueLimit ?? 1000);
    this.store = new CursorStore(options.storage, options.storageKey ?? 'wirepost');
    this.connection = new Connection({
      url: async () => {
        // In JavaScript it may be anything.
        const given: unknown = await options.url();
        const url = String(given);
        if (!/^wss?:/i.test(url)) throw new Error('`url` gave no URL that begins with ws: or wss:');
        this.store.begin(issuedAt(url));
        return url;
      },
      open: options.socket ?? ((url, protocol) => host.openSocket(url, protocol)),
      // A fresh token does not say where the session began, so only what is sent again can get a receipt: resume behind
      // the last *handled* message, not the last received.
      position: (fresh) =>
        fresh && !this.inbox.isBehind ? this.inbox.cursor : this.inbox.position,
      frame: (frame) => {
        this.onFrame(frame);
      },
      body: (value) => {
        this.onBody(value as Delivered);
      },
      down: (code, reason, retryIn) => {
        this.onDown(code, reason, retryIn);
      },
      urlFailed: (error) => {
        this.events.emit('error', { error });
      },
    });
    this.unwatch = host.watch(
      ({ type }) => {
        this.connection.back(type === 'online');
      },
      () => {
        this.inbox.settle();
      },
    );
    this.begin().catch((error: unknown) => {
      this.events.emit('error', { error });
    });
  }

  get state(): State {
    return this.connection.state;
  }

  /** Everything up to here was handled; undefined before the first welcome. */
  get cursor(): string | undefined {
    return this.inbox.cursor;
  }

  /** Who the server takes this client for; undefined before the first welcome. */
  get identity(): Identity | undefined {
    return this.who;
  }

  /**
   * Calls the handler for each message of a business type, or of all (`'*'`), in the log's order and one at a time.
   * When it throws, or its promise rejects, the client reconnects and the message comes again, up to
   * `handlerAttempts` times. Returns a function that takes the handler off.
   */
  on<T = Json>(businessType: string, handler: MessageHandler<T>): () => void {
    return this.inbox.on(businessType, handler as MessageHandler);
  }

  listen<K extends keyof ClientEvents>(event: K, listener: Listener<K>): () => void {
    return this.events.listen(event, listener);
  }

  /**
   * Resolves when the server has accepted the message, which it keeps from then on. While there is no connection the
   * message waits, and it is repeated with the same messageId until there is an answer. Rejects with a WirepostError.
   */
  send(message: Sendable): Promise<{ readonly messageId: string }> {
    return this.closed() ?? this.outbox.send(message);
  }

  /**
   * Asks a handler of the service and resolves with its reply, wherever this client is connected by then. Rejects
   * with `TIMEOUT` after `timeout` ms (30 s when absent), or as `send` does.
   */
  request<T = Json>(
    businessType: string,
    content: unknown,
    { timeout = REQUEST_TIMEOUT }: { readonly timeout?: number } = {},
  ): Promise<Delivered<T>> {
    const messageId = REQUEST + host.newId();
    const sent = this.send({
      sendType: 'UNICAST',
      messageType: 'CLIENT_TO_SERVER',
      businessType,
      content,
      messageId,
    });
    const reply = new Promise<Delivered>((resolve, reject) => {
      this.requests.set(messageId, { resolve, reject });
      sent.catch(reject);
    });
    const timer = setTimeout(
      () => {
        const sentence = `no reply to ${businessType} within ${String(timeout)} ms`;
        this.outbox.forget(messageId);
        this.requests.get(messageId)?.reject(new WirepostError('TIMEOUT', sentence, true));
      },
      Math.min(timeout, LONGEST),
    );
    return reply.finally(() => {
      clearTimeout(timer);
      this.requests.delete(messageId);
    }) as Promise<Delivered<T>>;
  }

  /**
   * Gives a new token (or the URL that holds it) on the open connection: a longer session, or another identity. With
   * a URL the identity may be one that other nodes serve (`LOG_PARTITIONS`): then the client connects there.
   * Resolves with the identity from then on; rejects with a WirepostError when there is no connection or the token is
   * refused.
   */
  renew(token: string): Promise<Identity> {
    if (this.state !== 'connected' || this.renewal !== undefined) {
      const sentence = this.renewal === undefined ? 'not connected' : 'a renewal is under way';
      return this.closed() ?? Promise.reject(new WirepostError('DISCONNECTED', sentence, true));
    }
    return new Promise((resolve, reject) => {
      this.renewal = { token, resolve, reject };
      // Acknowledges as the former identity, while it still is that.
      this.inbox.settle();
      this.connection.control({ op: 'renew', token: token.slice(token.lastIndexOf('/') + 1) });
    });
  }

  /** Gives up the socket and connects anew at once. */
  reconnect(): void {
    this.connection.restart(AGAIN, 'reconnect');
    this.connection.wake();
  }

  /** Ends the connection for ever; what waits is rejected with `CLOSED`. */
  close(): void {
    this.inbox.close();
    this.connection.close(CLOSED, 'closed');
  }

  private async begin(): Promise<void> {
    const stored = await this.store.load();
    const cursor = this.options.cursor ?? stored;
    if (cursor !== undefined) {
      this.inbox.start(cursor);
      this.store.save(cursor);
    }
    this.connection.connect();
  }

  private onFrame(frame: ServerFrame): void {
    switch (frame.op) {
      case 'welcome':
        this.onWelcome(frame);
        return;
      case 'accepted':
        this.outbox.accepted(frame.messageId);
        return;
      case 'rejected':
        this.onRejected(frame);
        return;
      case 'gap':
        this.inbox.gap(frame);
        return;
      case 'pong':
        this.inbox.passed(frame.cursor);
        return;
      case 'bye':
        this.inbox.settle();
    }
  }

  private onWelcome(frame: WelcomeFrame): void {
    const { connectionId, uniqueId, clientType, cursor, resumed, limits } = frame;
    const before = this.who;
    this.who = { connectionId, uniqueId, clientType };
    this.renewal?.resolve(this.who);
    this.renewal = undefined;
    const changed = isOther(before, frame);
    if (changed) this.outbox.changeIdentity();
    if (before?.connectionId === connectionId) {
      if (changed) this.changeIdentity(cursor);
      return;
    }
    // What was handled while there was no connection could not be acknowledged. In a moment: a gap may follow that says
    // that it is of another log.
    if (resumed && this.cursor !== undefined) this.inbox.advance(this.cursor);
    if (this.inbox.position === undefined) this.inbox.start(cursor);
    this.store.begin(cursor);
    this.outbox.connected((text) => {
      this.connection.write(text);
    }, limits);
    this.events.emit('connected', { ...this.who, resumed });
    if (resumed) this.events.emit('resumed', { cursor });
  }

  private changeIdentity(cursor: string): void {
    // At once: positions of the former identity are stored no more.
    this.store.save(cursor);
    this.inbox.changeIdentity(cursor);
  }

  private onRejected(frame: RejectedFrame): void {
    const { messageId, code, message, retryable } = frame;
    const { renewal } = this;
    // BAD_CURSOR answers an acknowledgement, of another log's cursor.
    if (messageId === undefined && renewal !== undefined && code !== 'BAD_CURSOR') {
      this.renewal = undefined;
      const moves = code === 'OTHER_PARTITION' && renewal.token.includes('/');
      const start = moves ? issuedAt(renewal.token) : undefined;
      if (start === undefined) renewal.reject(new WirepostError(code, message, retryable));
      else {
        // Other nodes have the messages of the new identity.
        this.changeIdentity(start);
        this.connection.move(renewal.token);
        this.renewal = renewal;
      }
    } else if (!this.outbox.rejected(frame)) {
      this.events.emit('rejected', {
        ...(messageId !== undefined && { messageId }),
        code,
        message,
      });
    }
  }

  private onBody(message: Delivered): void {
    const { correlationId } = message;
    const reply = correlationId?.startsWith(REQUEST) ?? false;
    // At once: a handler that waits for this very reply holds up the messages before it.
    if (reply) this.requests.get(correlationId ?? '')?.resolve(message);
    this.inbox.receive(message, reply);
  }

  private onDown(code: number, reason: string, retryIn: number | undefined): void {
    const final = retryIn === undefined;
    const error = new WirepostError(final ? 'CLOSED' : 'DISCONNECTED', `closed: ${reason}`, !final);
    this.outbox.disconnected();
    this.renewal?.reject(error);
    this.renewal = undefined;
    if (final) {
      this.unwatch();
      this.inbox.close();
      this.store.close();
      this.outbox.close(error);
      for (const { reject } of this.requests.values()) reject(error);
    }
    this.events.emit('disconnected', { code, reason, ...(!final && { retryIn }) });
  }

  private closed(): Promise<never> | undefined {
    if (this.state !== 'closed') return undefined;
    return Promise.reject(new WirepostError('CLOSED', 'the client is closed', false));
  }
}

function isOther(before: Identity | undefined, now: WelcomeFrame): boolean {
  return (
    before !== undefined &&
    (before.uniqueId !== now.uniqueId || before.clientType !== now.clientType)
  );
}
