import type { ErrorCode } from '../protocol/codes';
import type { GapReason } from '../protocol/frames';
import type { DeliveredBody, Json, UnifiedBody } from '../protocol/unified-body';

/** What the SDK needs of a WebSocket (WHATWG); the browser's own, and that of the package `ws`, have it. */
export interface SocketLike {
  onopen: ((event: never) => unknown) | null;
  onmessage: ((event: never) => unknown) | null;
  onclose: ((event: never) => unknown) | null;
  onerror: ((event: never) => unknown) | null;
  readonly readyState?: number;
  send(text: string): void;
  close(code?: number, reason?: string): void;
}

/** What the SDK needs of `sessionStorage` or `localStorage`. */
export interface StorageLike {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

export interface ConnectOptions {
  /**
   * Gives a socket URL with a fresh token, `wss://host/socket/{token}`, from your own backend. Called for the first
   * connection and when the session is over; in between the SDK reconnects by itself. When it rejects it is called
   * again later, after `error.retryAfter` ms where the error has one.
   */
  readonly url: () => Promise<string> | string;
  /** Keeps the position over a reload of the page; absent: a reload starts with the token's position. */
  readonly storage?: StorageLike;
  /** Name in the storage, `wirepost` when absent; give each kind of client of a page its own. */
  readonly storageKey?: string;
  /** Where to start, in place of what the storage or the token says. */
  readonly cursor?: string;
  /** Messages that wait for `accepted` at a time, 1000 when absent; one more rejects with `QUEUE_FULL`. */
  readonly queueLimit?: number;
  /** How often a handler may fail on one message before the message is given up; 5 when absent. */
  readonly handlerAttempts?: number;
  /** Opens a socket; the global `WebSocket` when absent (Node has one from version 22 on). */
  readonly socket?: (url: string, protocol: string) => SocketLike;
}

/** A message for the application. */
export type Delivered<T = Json> = Omit<DeliveredBody, 'content'> & { readonly content: T };

/** May return a promise: the next message is given only when it has resolved. */
export type MessageHandler<T = Json> = (message: Delivered<T>) => unknown;

/**
 * A unified body without the sender, which is always the identity of the connection. `content` is what JSON can say; `unknown`,
 * since TypeScript takes no interface for `Json`.
 */
export type Sendable = Omit<
  UnifiedBody,
  'content' | 'fromUniqueId' | 'fromClientType' | 'timestamp'
> & { readonly content?: unknown };

export type State = 'connecting' | 'connected' | 'waiting' | 'closed';

export interface Identity {
  readonly connectionId: string;
  readonly uniqueId: string;
  readonly clientType: string;
}

/** Codes of errors that arise in the client itself. */
export type ClientErrorCode =
  /** As many messages as `queueLimit` wait for the server. */
  | 'QUEUE_FULL'
  /** No reply within the timeout of `request`. */
  | 'TIMEOUT'
  /** `close()` was called, or the server has ended the connection for good. */
  | 'CLOSED'
  /** Not connected now; what was asked needs an open socket. */
  | 'DISCONNECTED';

/** Why a promise of the SDK was rejected. */
export class WirepostError extends Error {
  override readonly name = 'WirepostError';
  constructor(
    readonly code: ErrorCode | ClientErrorCode,
    message: string,
    /** True when the same call may succeed later. */
    readonly retryable: boolean,
  ) {
    super(message);
  }
}

/** Events of `listen`, with what they carry. */
export interface ClientEvents {
  /** A connection is open; `resumed` tells that it goes on from a cursor. */
  readonly connected: Identity & { readonly resumed: boolean };
  /** A connection has ended. `retryIn` ms until the next attempt; absent when there will be none. */
  readonly disconnected: {
    readonly code: number;
    readonly reason: string;
    readonly retryIn?: number;
  };
  /** A connection goes on where an earlier one ended. */
  readonly resumed: { readonly cursor: string };
  /** Messages after `from` up to `to` cannot be had: reload your state. In order with the messages. */
  readonly gap: { readonly from: string; readonly to: string; readonly reason: GapReason };
  /** The server refused a frame for good. */
  readonly rejected: {
    readonly messageId?: string;
    readonly code: ErrorCode;
    readonly message: string;
  };
  /** A handler or `url` failed. `final` means that the message was given up. */
  readonly error: {
    readonly error: unknown;
    readonly message?: Delivered;
    readonly attempt?: number;
    readonly final?: boolean;
  };
}
