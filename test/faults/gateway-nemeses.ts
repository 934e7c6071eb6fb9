import { eventually } from '../support/eventually';
import type { Nemesis } from './nemesis';
import { standsStill } from './stands-still';
import type { Gateway, System } from './system';

/** How often a gateway is started in the place of one that was killed. */
const ATTEMPTS = 3;

/** kill -9 of one gateway; another takes its place. */
export function killedGateway(system: System, name = 'g1'): Nemesis {
  let victim: Gateway | undefined;
  const replace = async (): Promise<void> => {
    if (victim === undefined) return;
    victim = undefined;
    // A broker that is away at the same time keeps it from getting ready.
    for (let attempt = 1; ; attempt += 1) {
      try {
        await system.addGateway(name);
        return;
      } catch (error) {
        if (attempt === ATTEMPTS) throw error;
      }
    }
  };
  return {
    name: 'gateway kill -9',
    allows: ['abnormal-close', 'silence'],
    gateway: name,
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

/** A gateway stands still while the log goes on; when it moves again, every client comes to it with a newer cursor. */
export function laggingGateway(system: System, name = 'g2'): Nemesis {
  const of = (is: boolean): Gateway[] =>
    system.gateways.filter((one) => (one.name === name) === is);
  const wake = (): Promise<void> => {
    for (const { process } of system.gateways) process.signal('SIGCONT');
    for (const gateway of system.gateways) gateway.up = true;
    return Promise.resolve();
  };
  return {
    name: 'gateway behind the log',
    allows: ['abnormal-close', 'silence'],
    start: async () => {
      for (const gateway of of(true)) {
        gateway.up = false;
        gateway.process.signal('SIGSTOP');
      }
      return (await Promise.all(of(true).map(({ process }) => standsStill(process.pid)))).join();
    },
    stop: async () => {
      for (const gateway of of(true)) gateway.up = true;
      for (const gateway of of(false)) gateway.up = false;
      for (const { client } of system.clients) client.reconnect();
      await eventually(() => {
        // They have chosen their gateway, which does not answer yet.
        if (!system.clients.every(({ gateway }) => gateway === name))
          throw new Error('not all are on their way');
      });
      await wake();
    },
    heal: wake,
  };
}
