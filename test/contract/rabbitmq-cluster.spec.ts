import type { RabbitMqBroker } from '../../src/infrastructure/rabbitmq/rabbitmq-broker';
import { eventually } from '../support/eventually';
import { FaultProxy } from '../support/fault-proxy';
import { RabbitMqCluster } from '../support/rabbitmq-cluster';
import { freshPrefix } from '../support/shared-broker';
import { anEntry } from './message-log.contract';
import { silence } from './quiet-logger';
import { connectBroker, settingsFor } from './rabbitmq-fixture';
import { RecordingListener } from './recording-listener';
import { ToldHandler } from './upstream.contract';

silence();

const HOUR = 3_600_000;

describe('the RabbitMQ adapters on a cluster', () => {
  let cluster: RabbitMqCluster;
  let broker: RabbitMqBroker | undefined;
  let prefix: string;
  beforeAll(async () => {
    cluster = await RabbitMqCluster.start({ partitions: 'ignore' });
  }, 120_000);
  afterAll(() => {
    cluster.discard();
  });
  beforeEach(() => {
    prefix = freshPrefix();
  });
  afterEach(() => broker?.close(), 30_000);

  const connectTo = async (urls: readonly string[]): Promise<RabbitMqBroker> => {
    const settings = settingsFor('', prefix, {
      urls,
      publishTimeout: 2000,
      connectTimeout: 20_000,
    });
    broker = await connectBroker(settings);
    return broker;
  };
  const urlsFrom = (...members: readonly number[]): string[] =>
    members.map((member) => cluster.node(member).url);

  async function reads(one: RabbitMqBroker, within: number): Promise<void> {
    const listener = new RecordingListener();
    await one.logReader.start(HOUR, listener);
    await written(one, listener, 'm1', within);
  }

  /** Appends until the log takes it, and waits until it is read. */
  async function written(
    { logWriter }: RabbitMqBroker,
    listener: RecordingListener,
    messageId: string,
    within: number,
  ): Promise<void> {
    await eventually(
      async () => {
        await logWriter.append(anEntry({ messageId }));
        expect(listener.ids).toContain(messageId);
      },
      { within },
    );
  }

  it('keep the log and every queue on all three servers', async () => {
    const one = await connectTo(urlsFrom(0, 1, 2));
    const { handle } = new ToldHandler();
    await one.queues.consume({ businessType: 'qrcode.refresh', concurrency: 1 }, handle);
    const queues = await cluster.queues(prefix);
    expect(queues.map(({ name }) => name.slice(prefix.length)).sort()).toEqual([
      '.dead',
      '.handler.qrcode.refresh',
      '.log',
      '.retry.2000',
      '.retry.300',
      '.revocations',
    ]);
    for (const { members } of queues) expect([...members].sort()).toEqual([0, 1, 2]);
  }, 30_000);

  it('read at a server that has a replica of the log', async () => {
    await (await connectTo(urlsFrom(0))).close();
    await cluster.removeReplica(`${prefix}.log`, 2);
    await reads(await connectTo(urlsFrom(2, 1)), 20_000);
  }, 60_000);

  it('pass by a server that takes the connection and says nothing', async () => {
    const { host, port } = cluster.node(0);
    const silent = await FaultProxy.to({ host, port });
    silent.stall();
    try {
      const url = `amqp://guest:guest@127.0.0.1:${String(silent.port)}`;
      await reads(await connectTo([url, ...urlsFrom(1)]), 20_000);
    } finally {
      await silent.close();
    }
  }, 60_000);

  it('leave a server that is cut off from the others and serves connections all the same', async () => {
    const one = await connectTo(urlsFrom(0, 1, 2));
    const listener = new RecordingListener();
    await one.logReader.start(HOUR, listener);
    await written(one, listener, 'before', 10_000);
    await cluster.network.partition([[1, 2], [0]]);
    try {
      // 10 s to leave the server, and as much again for each other one whose elections take their time on a busy machine.
      await written(one, listener, 'during', 80_000);
    } finally {
      await cluster.network.heal();
    }
    expect(listener.isContiguous).toBe(true);
    expect(listener.resets).toBe(0);
  }, 130_000);
});
