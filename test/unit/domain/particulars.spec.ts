import { OWN_PARTICULARS, Particulars } from '../../../src/domain/log/particulars';
import type { Audience } from '../../../src/domain/routing/audience';

/** As many as share the table. */
const KNOWN = 1024;

function tagged(tag: string): Audience {
  return { kind: 'multicast', tags: [tag], businesses: [], clientType: '' };
}

describe('Particulars', () => {
  it('have one number for all who ask for the same, and none for who asks for nothing', () => {
    const all = new Particulars();
    const first = all.numberOf(tagged('a'), 0, 0);
    expect(all.numberOf(tagged('b'), 1, 0)).not.toBe(first);
    expect(all.numberOf(tagged('a'), 2, 0)).toBe(first);
    expect(all.numberOf({ kind: 'broadcast', clientType: '' }, 3, 0)).toBe(0);
  });

  it('give a number anew when no entry in the window has it any more', () => {
    const all = new Particulars();
    for (let seq = 0; seq < KNOWN; seq += 1) all.numberOf(tagged(String(seq)), seq, 0);
    const kept = all.numberOf(tagged('0'), KNOWN, 0);
    expect(all.numberOf(tagged('new'), KNOWN + 1, 0)).toBe(OWN_PARTICULARS);
    // The window begins behind the first ten, of which one was asked for again.
    const numbers = Array.from({ length: 10 }, (_, i) =>
      all.numberOf(tagged(`new ${String(i)}`), KNOWN + 2 + i, 10),
    );
    expect(new Set(numbers).size).toBe(10);
    expect(numbers.pop()).toBe(OWN_PARTICULARS);
    expect(numbers).not.toContain(kept);
    expect(numbers).not.toContain(OWN_PARTICULARS);
    expect(all.numberOf(tagged('0'), KNOWN + 20, 10)).toBe(kept);
    // One that lost its number gets another one when there is one again.
    expect(all.numberOf(tagged('5'), KNOWN + 21, 11)).toBeLessThanOrEqual(KNOWN);
  });
});
