import type { IncomingMessage } from 'node:http';

import { Refusal } from '../../domain/errors';

/** 16 bytes in base64 (RFC 6455, 4.1). */
const KEY = /^[+/0-9A-Za-z]{22}==$/;
/** A list of tokens (RFC 9110, 5.6). */
const PROTOCOLS = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+(?:[ \t]*,[ \t]*[!#$%&'*+\-.^_`|~0-9A-Za-z]+)*$/;

/**
 * Throws METHOD or BAD_REQUEST for a handshake that `ws` would refuse (RFC 6455, 4.2.1): before its token is used, which would be lost to
 * the client otherwise.
 */
export function checkHandshake({ method, headers }: IncomingMessage): void {
  if (method !== 'GET') throw new Refusal('METHOD', 'a WebSocket is opened by GET');
  if (headers['sec-websocket-version'] !== '13')
    throw new Refusal('BAD_REQUEST', 'Sec-WebSocket-Version must be 13');
  if (!KEY.test(headers['sec-websocket-key'] ?? ''))
    throw new Refusal('BAD_REQUEST', 'Sec-WebSocket-Key must be 16 bytes in base64');
  const offered = headers['sec-websocket-protocol'];
  if (offered !== undefined && !areProtocols(offered))
    throw new Refusal('BAD_REQUEST', 'Sec-WebSocket-Protocol must name each subprotocol once');
}

function areProtocols(offered: string): boolean {
  if (!PROTOCOLS.test(offered)) return false;
  if (!offered.includes(',')) return true;
  const names = offered.split(',').map((one) => one.trim());
  return new Set(names).size === names.length;
}
