import { setTimeout as wait } from 'node:timers/promises';

import { eventually } from '../support/eventually';
import type { FaultClient } from './client';
import type { Excuse } from './history';
import type { Nemesis } from './nemesis';
import type { Random } from './random';
import type { System } from './system';

/** Clients lose their connections one after the other, and come back at once. */
export function flappingClients(system: System, random: Random, every = 40): Nemesis {
  let flapping: Promise<void> | undefined;
  let isOn = false;
  const flap = async (): Promise<void> => {
    while (isOn) {
      random.pick(system.clients).client.reconnect();
      await wait(every);
    }
  };
  const end = async (): Promise<void> => {
    isOn = false;
    await flapping;
  };
  return {
    name: 'clients reconnect',
    allows: [],
    start: async () => {
      const began = system.history.now;
      isOn = true;
      flapping = flap();
      await eventually(() => {
        const isCut = system.history.entries.some(
          (one) => one.kind === 'closed' && one.by === 'client' && one.at >= began,
        );
        if (!isCut) throw new Error('nobody has reconnected');
      });
      return `one of ${String(system.clients.length)} every ${String(every)} ms`;
    },
    stop: end,
    heal: end,
  };
}

/** Clients that are away from the network, and come back with their cursor. */
export function absentClients(
  clients: readonly FaultClient[],
  allows: readonly Excuse[] = [],
): Nemesis {
  const comeBack = (): Promise<void> => {
    for (const client of clients) client.online();
    return Promise.resolve();
  };
  return {
    name: 'clients away',
    allows,
    start: async () => {
      for (const client of clients) client.offline();
      await eventually(() => {
        if (clients.some(({ connected }) => connected)) throw new Error('somebody is connected');
      });
      return `${String(clients.length)} have no connection`;
    },
    stop: comeBack,
    heal: comeBack,
  };
}
