import { RabbitMqNode } from '../support/rabbitmq-node';
import { frozenBroker, fullQueue, killedBroker, stoppedApp } from './broker-nemeses';
import { alarmWithSomebodyAway, refusesAndDelivers } from './alarm-checks';
import { buildGateway } from './build';
import { runFault } from './fault-run';

/** From the moment at which the broker can be reached again. */
const GOAL = 3000;

describe('nothing is lost when the broker', () => {
  let broker: RabbitMqNode;
  beforeAll(async () => {
    broker = await RabbitMqNode.start();
  }, 120_000);
  afterAll(() => broker.stop(), 60_000);

  it.each([11, 12, 13])(
    'is killed with -9 again and again (seed %i)',
    async (seed) => {
      await runFault({
        ...{ row: 'broker kill -9 and restart', seed, broker, rate: 300, around: 1000 },
        nemesis: () => killedBroker(broker),
        recoverWithin: GOAL,
      });
    },
    180_000,
  );

  it('stops and starts its application', async () => {
    await runFault({
      ...{ row: 'stop_app, start_app', seed: 1, broker },
      nemesis: () => stoppedApp(broker),
      recoverWithin: GOAL,
    });
  }, 180_000);

  it('has a disk alarm', async () => {
    await runFault({
      ...{ row: 'disk alarm', seed: 1, broker },
      nemesis: (run) => alarmWithSomebodyAway(run, 'disk'),
      during: refusesAndDelivers,
      recoverWithin: GOAL,
    });
  }, 180_000);

  it('stands still for 30 s', async () => {
    await runFault({
      ...{ row: 'broker SIGSTOP 30 s', seed: 1, broker, hold: 30_000 },
      // It listens all the time, so there is no moment from which it listens again.
      nemesis: () => frozenBroker(broker),
    });
  }, 180_000);

  it('nacks what a full queue does not take', async () => {
    await runFault({
      ...{ row: 'nack (reject-publish)', seed: 1, broker, main: buildGateway() },
      nemesis: (run) => fullQueue(broker, run, 'fault.slow'),
    });
  }, 180_000);
});
