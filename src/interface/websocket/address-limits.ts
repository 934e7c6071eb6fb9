import type { IncomingMessage } from 'node:http';
import { BlockList, isIP } from 'node:net';

import type { Clock } from '../../application/ports/clock';
import { clientAddress } from './client-address';

/** How much one address may have; 0 = any number. */
export interface AddressSettings {
  /** Connections of WebSockets at this node at a time, those that are not decided about and those that are refused included. */
  readonly maxConnections: number;
  /** Upgrades in each second of the clock at this node. */
  readonly rate: number;
  /** Whose `X-Forwarded-For` is believed. */
  readonly trustedProxies: readonly Subnet[];
}

/** Addresses that begin with the same bits. */
export interface Subnet {
  readonly network: string;
  readonly bits: number;
  readonly family: 'ipv4' | 'ipv6';
}

/** Reads `10.0.0.0/8`, or an address as a network of its own; undefined for anything else. */
export function readSubnet(value: string): Subnet | undefined {
  const [, network = '', bitText] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(value) ?? [];
  const version = isIP(network);
  if (version === 0) return undefined;
  const most = version === 4 ? 32 : 128;
  const bits = Number(bitText ?? most);
  return bits > most ? undefined : { network, bits, family: version === 4 ? 'ipv4' : 'ipv6' };
}

/** ms over which handshakes are counted. */
const SECOND = 1000;

/** Keeps one address from taking the room of all, before anything is done for it. */
export class AddressLimits {
  private readonly trusted: BlockList | undefined;
  private readonly open = new Map<string, number>();
  private readonly handshakes = new Map<string, number>();
  private since = 0;

  constructor(
    private readonly settings: AddressSettings,
    private readonly clock: Clock,
  ) {
    if (settings.trustedProxies.length === 0) return;
    this.trusted = new BlockList();
    for (const { network, bits, family } of settings.trustedProxies)
      this.trusted.addSubnet(network, bits, family);
  }

  /** False when the address has what it may have; otherwise its socket counts until it is closed. */
  admit(request: IncomingMessage): boolean {
    const { maxConnections, rate } = this.settings;
    if (maxConnections === 0 && rate === 0) return true;
    const address = clientAddress(request, this.trusted);
    if (rate > 0 && this.nextHandshake(address) > rate) return false;
    if (maxConnections === 0) return true;
    const open = this.open.get(address) ?? 0;
    if (open >= maxConnections) return false;
    this.open.set(address, open + 1);
    request.socket.once('close', () => {
      this.release(address);
    });
    return true;
  }

  /** Those of this second, this one included. */
  private nextHandshake(address: string): number {
    const now = this.clock.elapsed();
    if (now - this.since >= SECOND) {
      this.since = now;
      this.handshakes.clear();
    }
    const count = (this.handshakes.get(address) ?? 0) + 1;
    this.handshakes.set(address, count);
    return count;
  }

  private release(address: string): void {
    const open = (this.open.get(address) ?? 0) - 1;
    if (open > 0) this.open.set(address, open);
    else this.open.delete(address);
  }
}
