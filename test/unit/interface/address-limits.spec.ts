import { EventEmitter } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { BlockList } from 'node:net';

import {
  AddressLimits,
  type AddressSettings,
  readSubnet,
} from '../../../src/interface/websocket/address-limits';
import { clientAddress } from '../../../src/interface/websocket/client-address';
import { FakeClock } from '../../support/fake-clock';

interface Coming {
  readonly request: IncomingMessage;
  leave(): void;
}

function coming(remoteAddress: string | undefined, forwarded?: string): Coming {
  const socket = Object.assign(new EventEmitter(), { remoteAddress });
  const headers = forwarded === undefined ? {} : { 'x-forwarded-for': forwarded };
  return {
    request: { socket, headers } as unknown as IncomingMessage,
    leave: () => socket.emit('close'),
  };
}

describe('the address of a client', () => {
  const trusted = new BlockList();
  trusted.addSubnet('10.0.0.0', 8, 'ipv4');
  trusted.addAddress('2001:db8::1', 'ipv6');

  it.each([
    ['that of its socket', '192.0.2.7', undefined, '192.0.2.7'],
    ['IPv4 where the socket writes it as IPv6', '::ffff:192.0.2.7', undefined, '192.0.2.7'],
    ['not what a stranger says', '192.0.2.7', '198.51.100.1', '192.0.2.7'],
    ['what a trusted proxy says', '10.1.2.3', '198.51.100.1', '198.51.100.1'],
    ['what one says whose address is IPv6', '2001:db8::1', '198.51.100.1', '198.51.100.1'],
    ['without the port that one adds', '10.1.2.3', '198.51.100.1:4711', '198.51.100.1'],
    ['without brackets, by its network', '10.1.2.3', '[2001:db8::5]:4711', '2001:db8:0:0::/64'],
    [
      'not what stands before the last stranger',
      '10.1.2.3',
      '203.0.113.9, 198.51.100.1, 10.9.9.9',
      '198.51.100.1',
    ],
    ['the first of them when all are trusted', '10.1.2.3', '10.0.0.1, 10.0.0.2', '10.0.0.1'],
    ['the proxy’s when it says nothing', '10.1.2.3', undefined, '10.1.2.3'],
    [
      'the last one known when it says nonsense',
      '10.1.2.3',
      '198.51.100.1, unknown, 10.0.0.2',
      '10.0.0.2',
    ],
  ])('is %s', (_, remote, forwarded, expected) => {
    expect(clientAddress(coming(remote, forwarded).request, trusted)).toBe(expected);
  });

  it.each([
    ['2001:db8:0:1:aaaa:bbbb:cccc:dddd', '2001:db8:0:1::/64'],
    ['2001:db8:0:1::5', '2001:db8:0:1::/64'],
    ['2001:0DB8::1:0:0:0:5', '2001:db8:0:1::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['0:0:0:0:0:ffff:198.51.100.1', '198.51.100.1'],
    ['::FFFF:c633:6401', '198.51.100.1'],
    ['2001:db8:1:2:3:4:5::', '2001:db8:1:2::/64'],
  ])('counts by its network: %s', (address, expected) => {
    expect(clientAddress(coming(address).request, undefined)).toBe(expected);
  });
});

describe('the limits of an address', () => {
  const clock = new FakeClock();
  const limits = (change: Partial<AddressSettings>): AddressLimits =>
    new AddressLimits({ maxConnections: 0, rate: 0, trustedProxies: [], ...change }, clock);

  it('take no more connections of it at a time, and as many of another', () => {
    const two = limits({ maxConnections: 2 });
    const [first, second, third] = Array.from({ length: 3 }, () => coming('192.0.2.7'));
    expect([first, second, third].map((one) => one && two.admit(one.request))).toEqual([
      true,
      true,
      false,
    ]);
    expect(two.admit(coming('192.0.2.8').request)).toBe(true);
    first?.leave();
    expect(two.admit(coming('192.0.2.7').request)).toBe(true);
    expect(two.admit(coming('192.0.2.7').request)).toBe(false);
  });

  it('believe a trusted proxy, of a network or alone, and no stranger', () => {
    const trustedProxies = [readSubnet('10.0.0.0/8'), readSubnet('192.0.2.1')].filter(
      (one) => one !== undefined,
    );
    const one = limits({ maxConnections: 1, trustedProxies });
    const admits = (address: string, forwarded: string): boolean =>
      one.admit(coming(address, forwarded).request);
    expect(admits('10.1.2.3', '198.51.100.1')).toBe(true);
    expect(admits('192.0.2.1', '198.51.100.2')).toBe(true);
    expect(admits('10.9.9.9', '198.51.100.2')).toBe(false);
    expect(admits('192.0.2.2', '198.51.100.3')).toBe(true);
    expect(admits('192.0.2.2', '198.51.100.4')).toBe(false);
  });

  it('take a socket that is gone already for one without an address', () => {
    const one = limits({ maxConnections: 1 });
    const gone = coming(undefined);
    expect(one.admit(gone.request)).toBe(true);
    gone.leave();
    expect(one.admit(coming(undefined).request)).toBe(true);
  });

  it('take no more handshakes of it in a second', () => {
    const slow = limits({ rate: 3 });
    const burst = (): boolean[] =>
      Array.from({ length: 4 }, () => slow.admit(coming('192.0.2.7').request));
    expect(burst()).toEqual([true, true, true, false]);
    expect(slow.admit(coming('192.0.2.8').request)).toBe(true);
    clock.advance(1000);
    expect(burst()).toEqual([true, true, true, false]);
  });

  it('are none when they are not set', () => {
    const none = limits({});
    const all = Array.from({ length: 1000 }, () => none.admit(coming('192.0.2.7').request));
    expect(all).not.toContain(false);
  });
});
