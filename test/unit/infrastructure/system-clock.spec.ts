import { SystemClock } from '../../../src/infrastructure/observability/system-clock';

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

describe('the ids of the machine’s clock', () => {
  it('are UUIDs of version 7, each greater than the one before, none twice', () => {
    const clock = new SystemClock();
    const ids = Array.from({ length: 5000 }, () => clock.newId());
    for (const id of ids) expect(id).toMatch(UUID_V7);
    expect([...ids].sort()).toEqual(ids);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('begin with the time in ms', () => {
    const clock = new SystemClock();
    const before = Date.now();
    const time = parseInt(clock.newId().replaceAll('-', '').slice(0, 12), 16);
    expect(time).toBeGreaterThanOrEqual(before);
    expect(time).toBeLessThanOrEqual(Date.now() + 1);
  });
});
