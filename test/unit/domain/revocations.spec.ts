import { Revocations, revokes } from '../../../src/domain/connection/revocations';

const PAGE = { uniqueId: 'u1', clientType: 'H5' };
const APP = { uniqueId: 'u1', clientType: 'APP' };
const OTHER = { uniqueId: 'u2', clientType: 'H5' };

function entered(...revocations: readonly [string, string, number][]): Revocations {
  const all = new Revocations();
  for (const [uniqueId, clientType, before] of revocations)
    all.enter({ uniqueId, clientType, before, replaced: false });
  return all;
}

describe('Revocations', () => {
  it('make void what the user was issued up to the moment, and nothing else', () => {
    const all = entered(['u1', '', 100]);
    expect(all.covering(PAGE, 99)).toBeDefined();
    expect(all.covering(APP, 100)).toBeDefined();
    expect(all.covering(PAGE, 101)).toBeUndefined();
    expect(all.covering(OTHER, 99)).toBeUndefined();
  });

  it('concern one client type where one is named', () => {
    const all = entered(['u1', 'H5', 100], ['u1', '', 50]);
    expect(all.covering(PAGE, 80)).toBeDefined();
    expect(all.covering(APP, 80)).toBeUndefined();
    expect(all.covering(APP, 50)).toBeDefined();
  });

  it('keep the newest moment, also when it is read before an older one', () => {
    const all = entered(['u1', '', 100], ['u1', '', 60]);
    expect(all.covering(PAGE, 90)).toBeDefined();
  });

  it('are forgotten when they are too old, and kept when a newer one came for the same user', () => {
    const all = entered(['u1', '', 100], ['u2', '', 200], ['u1', 'H5', 300]);
    all.forgetBefore(250);
    expect(all.size).toBe(1);
    expect(all.covering(PAGE, 300)).toBeDefined();
    expect(all.covering(OTHER, 1)).toBeUndefined();
    all.forgetBefore(301);
    expect(all.size).toBe(0);
  });

  it('say of the newest one that makes a token void whether another session has replaced it', () => {
    const all = entered(['u1', '', 100]);
    all.enter({ ...PAGE, before: 200, replaced: true });
    expect(all.covering(PAGE, 90)).toMatchObject({ before: 200, replaced: true });
    expect(all.covering(APP, 90)).toMatchObject({ before: 100, replaced: false });
    all.enter({ uniqueId: 'u1', clientType: '', before: 300, replaced: false });
    expect(all.covering(PAGE, 90)).toMatchObject({ before: 300, replaced: false });
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
            all.covering(identity, issuedAt) !== undefined,
          );
      }
    }
  });
});
