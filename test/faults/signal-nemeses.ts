import { watchReadiness } from '../support/readiness-watch';
import type { Nemesis } from './nemesis';
import { standsStill } from './stands-still';
import type { Gateway, System } from './system';

/** ms within which a gateway that was told to stop must have ended. */
export const ENDS_WITHIN = 30_000;

/** kill -9; the load balancer sees at once that nobody listens there. Another process takes its place at the end. */
export function killed(system: System, victim: Gateway): Nemesis {
  return {
    name: 'gateway kill -9',
    allows: ['abnormal-close'],
    gateway: victim.name,
    start: async () => {
      victim.up = false;
      await victim.process.kill9();
      return `${victim.name} is gone`;
    },
    stop: () => Promise.resolve(),
    heal: () => replace(system, victim),
  };
}

/** SIGTERM; the load balancer goes by readiness. */
export function drained(system: System, victim: Gateway): Nemesis {
  return {
    name: 'gateway SIGTERM',
    allows: [],
    start: async () => {
      const status = victim.process.exited();
      const readiness = await watchReadiness(victim.base);
      const began = performance.now();
      victim.process.signal('SIGTERM');
      const seen = await readiness.next;
      if (seen !== 'unready') throw new Error(`it was ready until it was ${seen}`);
      const unready = performance.now() - began;
      victim.up = false;
      if ((await status) !== 0) throw new Error(`it ended with ${String(await status)}`);
      const took = performance.now() - began;
      if (took > ENDS_WITHIN) throw new Error(`it took ${String(took)} ms to end`);
      return `not ready after ${unready.toFixed(0)} ms, status 0 after ${took.toFixed(0)} ms`;
    },
    stop: () => Promise.resolve(),
    heal: () => replace(system, victim),
  };
}

/** SIGSTOP: its sockets stay open and nothing moves; later it goes on as if no time had passed. */
export function frozen(victim: Gateway): Nemesis {
  const wake = (): Promise<void> => {
    victim.process.signal('SIGCONT');
    victim.up = true;
    return Promise.resolve();
  };
  return {
    name: 'gateway SIGSTOP',
    allows: ['abnormal-close', 'silence'],
    gateway: victim.name,
    start: () => {
      victim.process.signal('SIGSTOP');
      // A load balancer's health check fails.
      victim.up = false;
      return standsStill(victim.process.pid);
    },
    stop: wake,
    heal: wake,
  };
}

async function replace(system: System, { name }: Gateway): Promise<void> {
  const current = system.gateways.find((gateway) => gateway.name === name);
  if (current?.up === false) await system.addGateway(name);
}
