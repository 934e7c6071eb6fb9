import type { IncomingMessage } from 'node:http';
import { type BlockList, isIP, isIPv4, isIPv6 } from 'node:net';

/** Groups of an IPv6 address that name a network (RFC 4291 2.5.4); a host takes others of it as it likes. */
const NETWORK = 4;
const GROUPS = 8;
/** An IPv4 address as IPv6 (RFC 4291 2.5.5.2), in the one form in which URL writes IPv6 addresses (WHATWG URL 3.5). */
const MAPPED = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/;
/** `[2001:db8::1]:443`, `192.0.2.1:443`. */
const WITH_PORT = /^(?:\[([^\]]+)\](?::\d+)?|([\d.]+):\d+)$/;

/**
 * Where a request comes from: the address of its socket or, when that is a trusted proxy's, the last one in `X-Forwarded-For` that
 * is none. What stands before that anybody may have written. IPv6 counts by its network, as text such as `2001:db8:0:1::/64`.
 */
export function clientAddress(
  { socket, headers }: IncomingMessage,
  trusted: BlockList | undefined,
): string {
  let address = plain(socket.remoteAddress ?? '');
  if (trusted === undefined) return networkOf(address);
  const hops = [headers['x-forwarded-for'] ?? []].flat().join(',').split(',');
  while (hops.length > 0 && isTrusted(address, trusted)) {
    const hop = plain(hops.pop()?.trim() ?? '');
    if (isIP(hop) === 0) break;
    address = hop;
  }
  return networkOf(address);
}

function isTrusted(address: string, trusted: BlockList): boolean {
  return trusted.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
}

/** Without a zone (RFC 4007) and the port that some proxies add; IPv6 as URL writes it, IPv4 as such. */
function plain(text: string): string {
  const [, bracketed, dotted] = WITH_PORT.exec(text) ?? [];
  const address = (bracketed ?? dotted ?? text).replace(/%.*$/, '');
  if (!isIPv6(address)) return address;
  const written = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const [, high, low] = MAPPED.exec(written) ?? [];
  if (high === undefined || low === undefined) return written;
  const bits = (parseInt(high, 16) << 16) | parseInt(low, 16);
  return [24, 16, 8, 0].map((shift) => (bits >>> shift) & 255).join('.');
}

function networkOf(address: string): string {
  // A text of its own: a part of the header would keep all of it for as long as the connection is counted.
  if (isIPv4(address)) return address.split('.').map(Number).join('.');
  if (!isIPv6(address)) return '';
  const [head = [], tail] = address.split('::').map((part) => part.split(':').filter(Boolean));
  const zeros = tail === undefined ? 0 : GROUPS - head.length - tail.length;
  const groups = [...head, ...Array.from({ length: zeros }, () => '0'), ...(tail ?? [])];
  return `${groups.slice(0, NETWORK).join(':')}::/64`;
}
