import { Claims } from '../../../src/domain/log/claims';

const PLENTY = 1e9;

describe('Claims', () => {
  it('belong to whoever was first, who may claim again', () => {
    const claims = new Claims(PLENTY);
    expect(claims.enter('k', 'a', 1, 1)).toBe(true);
    expect(claims.enter('k', 'b', 2, 2)).toBe(false);
    expect(claims.enter('k', 'a', 3, 3)).toBe(true);
    expect([
      claims.isTaken('k', 'a'),
      claims.isTaken('k', 'b'),
      claims.isTaken('other', 'b'),
    ]).toEqual([false, true, false]);
    expect(claims.size).toBe(1);
  });

  it('are forgotten by age, the oldest first', () => {
    const claims = new Claims(PLENTY);
    claims.enter('old', 'a', 1, 1);
    claims.enter('new', 'a', 10, 2);
    claims.forgetBefore(5);
    expect([claims.isTaken('old', 'b'), claims.isTaken('new', 'b'), claims.size]).toEqual([
      false,
      true,
      1,
    ]);
    expect(claims.memory(100)).toBe(Infinity);
  });

  it('are all known while their table grows, shrinks and wraps, each by its own key and claimant', () => {
    const claims = new Claims(PLENTY);
    const expected = new Map<string, string>();
    let random = 7;
    const below = (n: number): number => {
      random = (Math.imul(random, 1_103_515_245) + 12_345) >>> 0;
      return Math.floor((random / 2 ** 32) * n);
    };
    const times: [string, number][] = [];
    for (let time = 0; time < 60_000; time += 1) {
      const key = `u client-${String(below(9000))} m-${String(below(4))}`;
      const claimant = `p${String(below(3))}`;
      const owner = expected.get(key);
      if (claims.enter(key, claimant, time, time) !== ((owner ?? claimant) === claimant))
        throw new Error(`${key} of ${String(owner)} and ${claimant}`);
      if (owner === undefined) {
        expected.set(key, claimant);
        times.push([key, time]);
      }
      // Every now and then all but the newest few are forgotten.
      if (below(20_000) > 0) continue;
      claims.forgetBefore(time - 100);
      for (
        let oldest = times[0];
        oldest !== undefined && oldest[1] < time - 100;
        oldest = times[0]
      ) {
        expected.delete(oldest[0]);
        times.shift();
      }
    }
    expect(claims.size).toBe(expected.size);
    for (const [key, owner] of expected) {
      expect([claims.isTaken(key, owner), claims.isTaken(key, 'else')]).toEqual([false, true]);
    }
  });

  it('are forgotten for want of room, the oldest first, and it is known how far back they reach', () => {
    const claims = new Claims(0);
    for (let i = 0; i < 1100; i += 1) claims.enter(`k${String(i)}`, 'a', 5000 + i, i);
    expect(claims.size).toBe(1024);
    expect([claims.isTaken('k75', 'b'), claims.isTaken('k76', 'b')]).toEqual([false, true]);
    expect(claims.memory(10_000)).toBe(10_000 - 5075);
    expect([claims.hasForgotten(74), claims.hasForgotten(75)]).toEqual([true, false]);
  });

  it('may be unknown up to where the log has lost entries, also when older ones are forgotten later', () => {
    const claims = new Claims(0);
    for (let i = 0; i < 10; i += 1) claims.enter(`k${String(i)}`, 'a', 5000 + i, i);
    claims.lose(499, 6000);
    expect([claims.hasForgotten(498), claims.hasForgotten(499)]).toEqual([true, false]);
    expect(claims.memory(6500)).toBe(500);
    expect([claims.isTaken('k9', 'a'), claims.isTaken('k9', 'b')]).toEqual([false, true]);
    for (let i = 500; i < 1520; i += 1) claims.enter(`k${String(i)}`, 'a', 5500, i);
    expect(claims.isTaken('k0', 'b')).toBe(false);
    expect([claims.hasForgotten(498), claims.hasForgotten(499)]).toEqual([true, false]);
    expect(claims.memory(6500)).toBe(500);
    claims.clear();
    expect([claims.hasForgotten(498), claims.memory(6500)]).toEqual([false, 500]);
  });

  it('are of another log after a reset', () => {
    const claims = new Claims(0);
    for (let i = 0; i < 1100; i += 1) claims.enter(`k${String(i)}`, 'a', 5000 + i, i);
    claims.clear();
    expect([claims.size, claims.isTaken('k1099', 'b'), claims.hasForgotten(0)]).toEqual([
      0,
      false,
      false,
    ]);
    expect(claims.memory(10_000)).toBe(10_000 - 6099);
    expect(claims.enter('k1099', 'b', 7000, 0)).toBe(true);
  });
});
