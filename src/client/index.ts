import { Client } from './client';
import type { ConnectOptions } from './types';

/** Connects to Wirepost and stays connected until `close()`. Register handlers in the same turn. */
export function connect(options: ConnectOptions): Client {
  return new Client(options);
}

export { Client } from './client';
export { WirepostError } from './types';
export type { ErrorCode } from '../protocol/codes';
export type { GapReason } from '../protocol/frames';
export type { Json } from '../protocol/unified-body';
export type {
  ClientErrorCode,
  ClientEvents,
  ConnectOptions,
  Delivered,
  Identity,
  MessageHandler,
  Sendable,
  SocketLike,
  State,
  StorageLike,
} from './types';
