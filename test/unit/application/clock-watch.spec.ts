import { Logger } from '@nestjs/common';

import type { LogFollower, LogWatcher } from '../../../src/application/log/log-follower';
import { ClockWatch } from '../../../src/application/observation/clock-watch';
import { FakeClock } from '../../support/fake-clock';

function watched(): { clock: FakeClock; watch: ClockWatch; read: (ahead: number) => void } {
  const clock = new FakeClock();
  const watchers: LogWatcher[] = [];
  const follower = { watch: (one: LogWatcher) => watchers.push(one) } as unknown as LogFollower;
  const watch = new ClockWatch(follower, clock);
  return {
    clock,
    watch,
    read: (ahead) => {
      for (const one of watchers) one.probeRead?.('id', clock.now() + ahead);
    },
  };
}

describe('the watch over clocks', () => {
  let told: jest.SpyInstance;
  beforeEach(() => {
    told = jest.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
  });
  afterEach(() => {
    told.mockRestore();
  });

  it('says nothing of entries of the past, however old, nor of little', () => {
    const { watch, read } = watched();
    for (const ahead of [-86_400_000, -5, 0]) read(ahead);
    expect(watch.behind).toBe(0);
    read(4000);
    expect(watch.behind).toBe(4000);
    expect(told).not.toHaveBeenCalled();
  });

  it('says once by how much another clock is ahead, whatever the nodes with right ones write', () => {
    const { watch, clock, read } = watched();
    for (let i = 0; i < 10; i += 1) {
      read(600_000);
      read(-3);
      clock.advance(5000);
      expect(watch.behind).toBe(600_000);
    }
    expect(told).toHaveBeenCalledTimes(1);
    expect(told).toHaveBeenCalledWith(
      'the clock of this node is 600 s behind that of another node: one of them is wrong',
    );
  });

  it('forgets it when the other clock was set right, or has gone, and says it again when it comes back', () => {
    const { watch, clock, read } = watched();
    read(600_000);
    clock.advance(15_000);
    expect(watch.behind).toBe(0);
    read(-3);
    expect(watch.behind).toBe(0);
    read(600_000);
    expect(watch.behind).toBe(600_000);
    expect(told).toHaveBeenCalledTimes(2);
  });
});
