import type { AddressSettings } from './address-limits';

/** Settings of the socket side; durations in ms, sizes in bytes. */
export interface WebSocketSettings {
  /** What clients put before `/socket/{token}`, for each partition of the log. */
  readonly publicUrls: readonly string[];
  /** Path up to and including the slash before the token. */
  readonly path: string;
  /** Origins that a browser may come from; undefined = every one. */
  readonly origins: ReadonlySet<string> | undefined;
  readonly heartbeat: number;
  readonly maxPayload: number;
  readonly maxBuffered: number;
  readonly maxConnections: number;
  /** Of one user at this node. */
  readonly maxUserConnections: number;
  readonly addresses: AddressSettings;
  /** Frames a second of one connection that are read. */
  readonly clientRate: number;
  /** How long closing all connections is spread over at a shutdown. */
  readonly drainTimeout: number;
  /** How long a client may count on a repeated messageId to be recognised; well within the window. */
  readonly repeatWithin: number;
}
