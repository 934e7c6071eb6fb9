import type { Nemesis } from './nemesis';
import type { Gateway, System } from './system';

/** kill -9 of one gateway; another takes its place. */
export function killedGateway(system: System, name = 'g1'): Nemesis {
  let victim: Gateway | undefined;
  const replace = async (): Promise<void> => {
    if (victim === undefined) return;
    victim = undefined;
    await system.addGateway(name);
  };
  return {
    name: 'gateway kill -9',
    allows: ['abnormal-close', 'silence'],
    start: async () => {
      victim = system.gateways.find((gateway) => gateway.name === name);
      if (victim === undefined) throw new Error(`there is no gateway ${name}`);
      victim.up = false;
      await victim.process.kill9();
      return 'the process is gone';
    },
    stop: replace,
    heal: replace,
  };
}
