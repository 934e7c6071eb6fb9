import { connect } from 'node:net';

import { eventually } from '../support/eventually';
import type { RabbitMqNode } from '../support/rabbitmq-node';
import type { Run } from './fault-run';
import type { Nemesis } from './nemesis';

/** ms within which a server that was started again takes connections. */
const BOOT = 90_000;

/** kill -9, and a start of the same server on what it has left on disk. */
export function killedBroker(broker: RabbitMqNode): Nemesis {
  let booting: Promise<void> | undefined;
  const boot = (): Promise<void> => (booting ??= broker.boot());
  return {
    name: 'broker kill -9',
    allows: [],
    start: async () => {
      await broker.settle();
      await broker.kill9();
      return 'the process is gone';
    },
    stop: async () => {
      void boot().catch(() => undefined);
      await listens(broker);
    },
    heal: async () => {
      await booting;
    },
  };
}

/** Resolves when the broker takes connections. */
async function listens({ port }: RabbitMqNode): Promise<void> {
  await eventually(
    () =>
      new Promise<void>((resolve, reject) => {
        const socket = connect(port, '127.0.0.1');
        socket.once('error', reject);
        socket.once('connect', () => {
          socket.destroy();
          resolve();
        });
      }),
    { within: BOOT },
  );
}

export type MakeNemesis = (run: Run) => Nemesis;
