import { eventually } from '../support/eventually';
import { RabbitMqNode } from '../support/rabbitmq-node';
import { alarmWithSomebodyAway, refusesAndDelivers } from './alarm-checks';
import { cancelledConsumers, killedBroker } from './broker-nemeses';
import { type Run, runFault } from './fault-run';

describe('nothing is lost when the broker', () => {
  let broker: RabbitMqNode;
  beforeAll(async () => {
    broker = await RabbitMqNode.start();
  }, 120_000);
  afterAll(() => broker.stop(), 60_000);

  it('is killed with -9 and comes back', async () => {
    await runFault({
      row: 'broker kill -9 and restart',
      seed: 1,
      broker,
      nemesis: () => killedBroker(broker),
      hold: 0,
    });
  }, 120_000);

  it('has a memory alarm: pushes are refused within a second, what is in the log is delivered', async () => {
    await runFault({
      ...{ row: 'memory alarm', seed: 1, broker, around: 150 },
      nemesis: (run) => alarmWithSomebodyAway(run, 'memory'),
      during: refusesAndDelivers,
    });
  }, 120_000);

  it('cancels consumers: the handler’s queue comes back and is consumed', async () => {
    await runFault({
      ...{ row: 'consumers cancelled', seed: 1, broker, around: 150, hold: 0 },
      // A queue that is empty: what is in a queue that somebody deletes is deleted with it.
      nemesis: ({ system }) => cancelledConsumers(system, 'display.show'),
      afterwards: showsAgain,
    });
  }, 120_000);
});

/** A phone shows something on a display, by way of the handler whose queue was deleted. */
async function showsAgain({ system, load, generator }: Run): Promise<void> {
  const [phone] = system.clients;
  const display = system.clients.find(({ name }) => name === 'c2');
  if (phone === undefined || display === undefined) throw new Error('clients are missing');
  const question = generator.question(phone.identity, 'upstream', 'display.show');
  await load.run({
    ...question,
    audience: [display.name],
    from: phone.identity.uniqueId,
    body: { ...question.body, content: { display: display.identity.uniqueId, result: 'shown' } },
  });
  await eventually(() => {
    expect(display.got).toContain(question.op);
  });
}
