import { eventually } from '../support/eventually';
import type { Nemesis } from './nemesis';
import type { System } from './system';

/** ms within which the nodes must have made the log again. */
const AGAIN = 30_000;

/** Somebody deletes the stream; the nodes make it anew, and it begins at 0 again. */
export function recreatedLog(system: System): Nemesis {
  const queue = `${system.prefix}.log`;
  return {
    name: 'log deleted',
    allows: ['gap'],
    start: async () => {
      await system.onBroker((channel) => channel.deleteQueue(queue));
      return 'the stream is deleted';
    },
    stop: () =>
      eventually(
        async () => {
          await system.onBroker((channel) => {
            channel.on('error', () => undefined);
            return channel.checkQueue(queue);
          });
        },
        { within: AGAIN },
      ),
    heal: () => Promise.resolve(),
  };
}
