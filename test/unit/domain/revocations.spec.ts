import { Revocations, revokes } from '../../../src/domain/connection/revocations';

const PAGE = { uniqueId: 'u1', clientType: 'H5' };
const APP = { uniqueId: 'u1', clientType: 'APP' };
const OTHER = { uniqueId: 'u2', clientType: 'H5' };

function entered(...revocations: readonly [string, string, number][]): Revocations {
  const all = new Revocations();
  for (const [uniqueId, clientType, before] of revocations)
    all.enter({ uniqueId, clientType, before });
  return all;
}

describe('Revocations', () => {
  it('make void what the user was issued up to the moment, and nothing else', () => {
    const all = entered(['u1', '', 100]);
    expect(all.covers(PAGE, 99)).toBe(true);
    expect(all.covers(APP, 100)).toBe(true);
    expect(all.covers(PAGE, 101)).toBe(false);
    expect(all.covers(OTHER, 99)).toBe(false);
  });

  it('concern one client type where one is named', () => {
    const all = entered(['u1', 'H5', 100], ['u1', '', 50]);
    expect(all.covers(PAGE, 80)).toBe(true);
    expect(all.covers(APP, 80)).toBe(false);
    expect(all.covers(APP, 50)).toBe(true);
  });

  it('keep the newest moment, also when it is read before an older one', () => {
    const all = entered(['u1', '', 100], ['u1', '', 60]);
    expect(all.covers(PAGE, 90)).toBe(true);
  });

  it('are forgotten when they are too old, and kept when a newer one came for the same user', () => {
    const all = entered(['u1', '', 100], ['u2', '', 200], ['u1', 'H5', 300]);
    all.forgetBefore(250);
    expect(all.size).toBe(1);
    expect(all.covers(PAGE, 300)).toBe(true);
    expect(all.covers(OTHER, 1)).toBe(false);
    all.forgetBefore(301);
    expect(all.size).toBe(0);
  });

  it('say of one by itself what they say together', () => {
    for (const [uniqueId, clientType] of [
      ['u1', ''],
      ['u1', 'H5'],
      ['u1', 'APP'],
      ['u2', ''],
    ] as const) {
      const all = entered([uniqueId, clientType, 100]);
      for (const identity of [PAGE, APP, OTHER]) {
        for (const issuedAt of [99, 100, 101])
          expect(revokes({ uniqueId, clientType, before: 100 }, identity, issuedAt)).toBe(
            all.covers(identity, issuedAt),
          );
      }
    }
  });
});
