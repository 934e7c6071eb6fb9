import type { Audience } from '../../../src/domain/routing/audience';
import { crc32, Partitions } from '../../../src/domain/routing/partitions';

const toUser = (uniqueId: string): Audience => ({ kind: 'unicast', uniqueId, clientType: '' });
const EVERYBODY: Audience = { kind: 'broadcast', clientType: '' };

describe('the partitions of the log', () => {
  it('place users by the CRC-32 that every language has', () => {
    // The check value of ISO 3309, and what java.util.zip.CRC32 gives for texts beyond ASCII.
    expect(crc32('123456789')).toBe(0xcbf43926);
    expect(crc32('')).toBe(0);
    for (const text of ['用户-7', 'order-7-é', 'é', '\x7f', '\x80', '😀', 'half of a pair: \ud83d'])
      expect(crc32(text)).toBe(reference(text));
    expect(new Partitions(4, 0).of('123456789')).toBe(0xcbf43926 % 4);
  });

  it('spread users evenly', () => {
    const partitions = new Partitions(4, 0);
    const counts = [0, 0, 0, 0];
    for (let i = 0; i < 10_000; i += 1) {
      const partition = partitions.of(`user-${String(i)}`);
      counts[partition] = (counts[partition] ?? 0) + 1;
    }
    for (const count of counts) expect(Math.abs(count - 2500)).toBeLessThan(250);
  });

  it('have a message to one user once, and one to many in each', () => {
    const partitions = new Partitions(3, 1);
    const own = userOf(partitions, 1);
    const other = userOf(partitions, 2);
    expect(partitions.ofAudience(toUser(own))).toBe(1);
    expect(partitions.ofAudience(toUser(other))).toBe(2);
    expect(partitions.ofAudience(EVERYBODY)).toBeUndefined();
    expect([toUser(own), toUser(other), EVERYBODY].map((one) => partitions.concerns(one))).toEqual([
      true,
      false,
      true,
    ]);
  });

  it('are one log, without a name of its own, when there is one', () => {
    expect(Partitions.NONE.of('anybody')).toBe(0);
    expect(Partitions.NONE.ofAudience(EVERYBODY)).toBe(0);
    expect(Partitions.NONE.nameOf(0)).toBeUndefined();
    expect(new Partitions(2, 1).nameOf(1)).not.toBe(new Partitions(4, 1).nameOf(1));
  });
});

/** Bit by bit, as the standard says it. */
function reference(text: string): number {
  let crc = 0xffffffff;
  for (const byte of Buffer.from(text)) {
    for (let bit = 0; bit < 8; bit += 1) {
      const carry = (crc ^ (byte >>> bit)) & 1;
      crc >>>= 1;
      if (carry === 1) crc ^= 0xedb88320;
    }
  }
  return (crc ^ 0xffffffff) >>> 0;
}

function userOf(partitions: Partitions, partition: number): string {
  for (let i = 0; ; i += 1)
    if (partitions.of(`u${String(i)}`) === partition) return `u${String(i)}`;
}
