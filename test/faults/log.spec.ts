import { setTimeout as wait } from 'node:timers/promises';

import { RabbitMqNode } from '../support/rabbitmq-node';
import { runFault } from './fault-run';
import { laggingGateway } from './gateway-nemeses';
import { recreatedLog } from './log-nemeses';

describe('nothing is lost without a word when the log', () => {
  let broker: RabbitMqNode;
  beforeAll(async () => {
    broker = await RabbitMqNode.start();
  }, 120_000);
  afterAll(() => broker.stop(), 60_000);

  it('is deleted and made anew: every client is told of a gap, and gets the new log', async () => {
    await runFault({
      ...{ row: 'log deleted and made anew', seed: 1, broker, around: 200 },
      nemesis: ({ system }) => recreatedLog(system),
      hold: 0,
      afterwards: ({ system, history }) => {
        const told = history.entries.filter((entry) => entry.kind === 'gap');
        expect(new Set(told.map(({ client }) => client)).size).toBe(system.clients.length);
        expect(new Set(told.map(({ reason }) => reason))).toEqual(new Set(['OTHER_LOG']));
        return Promise.resolve();
      },
    });
  }, 120_000);

  it('is ahead of the node that a client comes to: the node catches up first', async () => {
    await runFault({
      ...{ row: 'node behind a client’s cursor', seed: 1, broker, around: 200 },
      nemesis: ({ system }) => laggingGateway(system),
      during: () => wait(1500),
    });
  }, 120_000);
});
