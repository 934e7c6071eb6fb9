import { DONE } from '../../src/domain/routing/redelivery-policy';
import type { RabbitMqBroker } from '../../src/infrastructure/rabbitmq/rabbitmq-broker';
import { eventually } from '../support/eventually';
import { freshPrefix, sharedBroker } from '../support/shared-broker';
import { anEntry } from './message-log.contract';
import { silence } from './quiet-logger';
import { connectBroker, settingsFor } from './rabbitmq-fixture';
import { RecordingListener } from './recording-listener';
import { question, ToldHandler } from './upstream.contract';

silence();

const FORMER = `former-${String(process.pid)}`;
const NEXT = `next-${String(process.pid)}`;
const HOUR = 3_600_000;
const CLAIMS = [{ key: 't 1', claimant: 'c1' }];

describe('nodes that connect by another user of the broker than before', () => {
  const urls = new Map<string, string>();
  let prefix: string;
  let former: RabbitMqBroker;
  let open: RabbitMqBroker[];

  beforeAll(async () => {
    for (const user of [FORMER, NEXT]) urls.set(user, await sharedBroker().addUser(user));
  });
  afterAll(async () => {
    for (const user of [FORMER, NEXT]) await sharedBroker().ctl('delete_user', user);
  });
  beforeEach(async () => {
    prefix = freshPrefix();
    open = [];
    former = await connect(FORMER, []);
  });
  afterEach(async () => {
    for (const broker of open) await broker.close();
  });

  async function connect(user: string, trustedUsers: readonly string[]): Promise<RabbitMqBroker> {
    const broker = await connectBroker(
      settingsFor(urls.get(user) ?? '', prefix, { trustedUsers, retryDelays: [50] }),
    );
    open.push(broker);
    return broker;
  }

  async function entries(broker: RabbitMqBroker, count: number): Promise<RecordingListener> {
    const listener = new RecordingListener();
    await broker.logReader.start(HOUR, listener);
    await eventually(() => {
      expect(listener.entries).toHaveLength(count);
    });
    return listener;
  }

  it('read the log that the former one has written as its own nodes do, used tokens too', async () => {
    await former.logWriter.append(anEntry({ messageId: 'm1' }));
    await former.logWriter.append({ kind: 'claims', claims: CLAIMS });
    await former.logWriter.append({ kind: 'probe', id: 'p1' });
    const before = await entries(former, 3);

    const next = await connect(NEXT, [FORMER]);
    expect((await entries(next, 3)).entries).toEqual(before.entries);
    await next.logWriter.append(anEntry({ messageId: 'm2' }));
    const third = await connect(FORMER, [NEXT]);
    expect((await entries(third, 4)).ids).toEqual(['m1', 'm2']);
  });

  it('believe nobody whom they are not told to', async () => {
    await former.logWriter.append(anEntry({ messageId: 'm1' }));
    await former.logWriter.append({ kind: 'claims', claims: CLAIMS });
    const { entries: read } = await entries(await connect(NEXT, ['somebody']), 2);
    expect(read.map(({ kind }) => kind)).toEqual(['invalid', 'invalid']);
  });

  it('handle a client’s message that the former one took, and its retries, as that client’s', async () => {
    const next = await connect(NEXT, [FORMER]);
    const handler = new ToldHandler((n) =>
      n === 1 ? { kind: 'retry', delay: 50, reason: 'busy' } : DONE,
    );
    await next.queues.consume({ businessType: 'qrcode.refresh', concurrency: 1 }, handler.handle);
    const message = question({ messageId: 'm1' });
    await former.upstream.publish(message);
    await eventually(() => {
      expect(handler.ids).toEqual(['m1', 'm1']);
    });
    expect(handler.got.map((one) => one.message.origin)).toEqual([message.origin, message.origin]);
    expect(handler.got.map((one) => one.attempt)).toEqual([1, 2]);
    expect(message.origin.kind).toBe('client');
  });
});
