/**
 * Close codes that Wirepost sends itself (RFC 6455 section 7.4 and its private range).
 * Clients decide by range: 1001, 1009, 1011–1013 and 4000–4499 mean reconnect, 1008 and 4500–4999 mean stop.
 * Of those that it does not send, only 1000 means stop: what a network or a proxy makes up is no reason to give up.
 */
export const CloseCode = {
  /** The application on the other side ended the connection. */
  NORMAL: 1000,
  /** A frame was larger than `MAX_PAYLOAD`. */
  TOO_BIG: 1009,
  /** A defect of the server. */
  INTERNAL: 1011,
  /** The node stops or restarts: reconnect, with jitter. */
  RESTART: 1012,
  /** The node cannot take the connection now: reconnect later. */
  OVERLOAD: 1013,
  /** The token has expired or was used already, or the session is over: reconnect with a new token. */
  TOKEN: 4401,
  /** Two heartbeats were missed. */
  HEARTBEAT: 4408,
  /** Too many bad frames: a defect of the client, which must stop. */
  ABUSE: 4500,
  /** A service has ended the session: stop, the token is void as well. */
  ENDED: 4501,
  /** The user has begun a session that is to be the only one: stop, the token is void as well. */
  REPLACED: 4502,
} as const;
export type CloseCode = (typeof CloseCode)[keyof typeof CloseCode];

/** True when a client should connect again after this close code. */
export function shouldReconnect(code: number): boolean {
  return code !== 1000 && code !== 1008 && !(code >= 4500 && code <= 4999);
}
