import type { Refusal } from '../../src/domain/errors';
import type { RabbitMqBroker } from '../../src/infrastructure/rabbitmq/rabbitmq-broker';
import { eventually } from '../support/eventually';
import { RabbitMqNode } from '../support/rabbitmq-node';
import { freshPrefix } from '../support/shared-broker';
import { anEntry } from './message-log.contract';
import { silence } from './quiet-logger';
import { connectBroker, settingsFor } from './rabbitmq-fixture';
import { RecordingListener } from './recording-listener';
import { question, ToldHandler } from './upstream.contract';

silence();

const HOUR = 3_600_000;
const TYPE = 'qrcode.refresh';
const PUBLISH_TIMEOUT = 2000;
const BOOT = 60_000;
/** Bytes of a log whose first segment takes all that is written here: each new one would leave an offset out. */
const ONE_SEGMENT = 1_000_000_000;

/** Faults of a whole broker; this one is the spec's own. */
describe('the RabbitMQ adapters, when the broker', () => {
  let node: RabbitMqNode;
  let broker: RabbitMqBroker;
  let prefix: string;
  let listener: RecordingListener;

  beforeAll(async () => {
    node = await RabbitMqNode.start();
  }, 120_000);
  afterAll(() => node.stop(), 60_000);

  beforeEach(async () => {
    prefix = freshPrefix();
    broker = await connect();
    listener = new RecordingListener();
    await broker.logReader.start(HOUR, listener);
  }, 30_000);
  afterEach(() => broker.close(), 30_000);

  const connect = (): Promise<RabbitMqBroker> =>
    connectBroker(
      settingsFor(node.url, prefix, {
        publishTimeout: PUBLISH_TIMEOUT,
        retryDelays: [100],
        logMaxBytes: ONE_SEGMENT,
      }),
    );
  const outcome = (promise: Promise<unknown>): Promise<string> =>
    promise.then(
      () => 'accepted',
      (error: unknown) => (error as Refusal).code,
    );
  const append = (messageId: string): Promise<string> =>
    outcome(broker.logWriter.append(anEntry({ messageId })));
  const accepts = (within: number): Promise<void> =>
    eventually(
      async () => {
        expect(await append('again')).toBe('accepted');
      },
      { within },
    );
  const publish = (messageId: string): Promise<string> =>
    broker.upstream.publish(question({ messageId }));

  /** Appends with 50 under way at a time; every answer and how long the slowest took (ms). */
  function write(): { answers: Map<string, string>; slowest: () => number; end(): Promise<void> } {
    const answers = new Map<string, string>();
    const end = new AbortController();
    let slowest = 0;
    let next = 0;
    const one = async (): Promise<void> => {
      while (!end.signal.aborted) {
        const id = `w${String(next++)}`;
        const started = performance.now();
        const answer = await append(id);
        slowest = Math.max(slowest, performance.now() - started);
        answers.set(id, answer);
        // Not as fast as it goes: a fault may take half a minute on a busy machine.
        await new Promise((resolve) => setTimeout(resolve, answer === 'accepted' ? 5 : 20));
      }
    };
    const all = Promise.all(Array.from({ length: 50 }, one));
    return {
      answers,
      slowest: () => slowest,
      end: async () => {
        end.abort();
        await all;
      },
    };
  }

  const accepted = (answers: Map<string, string>): string[] =>
    [...answers].filter(([, answer]) => answer === 'accepted').map(([id]) => id);

  async function standsStill(answers: Map<string, string>): Promise<void> {
    let before = -1;
    await eventually(() => {
      const { size } = answers;
      const isStill = size === before;
      before = size;
      expect(isStill).toBe(true);
    });
  }

  async function wroteMore(answers: Map<string, string>, count: number): Promise<void> {
    const enough = accepted(answers).length + count;
    await eventually(
      () => {
        expect(accepted(answers).length).toBeGreaterThan(enough);
      },
      { within: BOOT },
    );
  }

  it('is killed and comes back: all that was accepted is read, in one run of offsets, nothing twice', async () => {
    const handler = new ToldHandler();
    await broker.queues.consume({ businessType: TYPE, concurrency: 1 }, handler.handle);
    const writing = write();
    await wroteMore(writing.answers, 1000);
    await node.settle();
    // It answers within a millisecond: only when it has stopped, publishes are under way for certain.
    node.signal('SIGSTOP');
    await standsStill(writing.answers);
    await node.kill9();
    try {
      await eventually(async () => {
        expect(await append('while-away')).toBe('UNAVAILABLE');
      });
    } finally {
      await node.boot();
    }
    await wroteMore(writing.answers, 1000);
    await writing.end();

    const { answers } = writing;
    const sure = accepted(answers);
    await eventually(() => {
      const read = new Set(listener.ids);
      expect(sure.filter((id) => !read.has(id))).toEqual([]);
    });
    expect(listener.isContiguous).toBe(true);
    expect(listener.resets).toBe(0);
    expect(new Set(listener.ids).size).toBe(listener.ids.length);
    const refused = listener.ids.filter((id) => answers.get(id) === 'UNAVAILABLE');
    expect(refused).toEqual([]);
    expect(new Set(answers.values())).toEqual(
      new Set(['accepted', 'UNKNOWN_OUTCOME', 'UNAVAILABLE']),
    );
    expect(writing.slowest()).toBeLessThan(PUBLISH_TIMEOUT + 1000);

    await eventually(async () => {
      expect(await publish('m1')).toBe('routed');
    });
    await eventually(() => {
      expect(handler.ids).toEqual(['m1']);
    });
  }, 120_000);

  it('closes all connections: everything goes on', async () => {
    const handler = new ToldHandler();
    await broker.queues.consume({ businessType: TYPE, concurrency: 1 }, handler.handle);
    const writing = write();
    await wroteMore(writing.answers, 200);
    await node.ctl('close_all_connections', 'test');
    await wroteMore(writing.answers, 200);
    await writing.end();
    await eventually(() => {
      const read = new Set(listener.ids);
      expect(accepted(writing.answers).filter((id) => !read.has(id))).toEqual([]);
    });
    expect(listener.isContiguous).toBe(true);
    await eventually(async () => {
      expect(await publish('m1')).toBe('routed');
    });
    await eventually(() => {
      expect(handler.ids).toEqual(['m1']);
    });
  }, 60_000);

  describe('takes no publishes (memory alarm)', () => {
    beforeEach(async () => {
      expect(await append('before')).toBe('accepted');
      await node.ctl('set_vm_memory_high_watermark', '0');
      // The broker says so at the first publish that it does not take.
      await append('noticed');
      await eventually(() => {
        expect(broker.blocked).toBe(true);
      });
    }, 30_000);
    afterEach(() => node.ctl('set_vm_memory_high_watermark', '0.4'), 30_000);

    it('refuses at once, while reading goes on, and takes them again afterwards', async () => {
      const started = performance.now();
      expect(await append('m1')).toBe('UNAVAILABLE');
      expect(await outcome(publish('q1'))).toBe('UNAVAILABLE');
      expect(performance.now() - started).toBeLessThan(1000);
      expect(broker.logWriter.blocked).toBe(true);
      expect(await broker.logReader.isAtEnd()).toBe(true);
      broker.logReader.restart();
      const other = await connectReader();
      await eventually(() => {
        expect(other.listener.ids[0]).toBe('before');
      });
      await other.close();
      await node.ctl('set_vm_memory_high_watermark', '0.4');
      await accepts(10_000);
      await eventually(() => {
        expect(listener.ids).toContain('again');
      });
      expect(broker.logWriter.blocked).toBe(false);
    }, 60_000);

    it('does not keep a node from closing', async () => {
      const started = performance.now();
      await broker.close();
      expect(performance.now() - started).toBeLessThan(PUBLISH_TIMEOUT + 6000);
    }, 30_000);

    async function connectReader(): Promise<{
      listener: RecordingListener;
      close(): Promise<void>;
    }> {
      const other = await connect();
      const read = new RecordingListener();
      await other.logReader.start(HOUR, read);
      return { listener: read, close: () => other.close() };
    }
  });

  it('does not answer: what waits ends as unknown, what is too much is refused, and it recovers', async () => {
    expect(await append('before')).toBe('accepted');
    node.signal('SIGSTOP');
    try {
      let settled = 0;
      const waiting = Array.from({ length: 20_000 }, (_, n) =>
        append(`s${String(n)}`).finally(() => (settled += 1)),
      );
      expect(await append('too-much')).toBe('OVERLOAD');
      expect(settled).toBe(0);
      expect(new Set(await Promise.all(waiting))).toEqual(new Set(['UNKNOWN_OUTCOME']));
    } finally {
      node.signal('SIGCONT');
    }
    await accepts(20_000);
    await eventually(
      () => {
        expect(listener.ids).toContain('again');
      },
      { within: 10_000 },
    );
    expect(listener.isContiguous).toBe(true);
  }, 60_000);

  it('closes a handler’s channel because an ack did not come: the message comes again, and others', async () => {
    const handler = new ToldHandler();
    handler.holding = true;
    await setAckTimeout(1000, 500);
    try {
      await broker.queues.consume({ businessType: TYPE, concurrency: 1 }, handler.handle);
      await publish('m1');
      await eventually(
        () => {
          expect(handler.ids.slice(0, 2)).toEqual(['m1', 'm1']);
        },
        { within: 15_000 },
      );
    } finally {
      await setAckTimeout(1_800_000, 60_000);
    }
    expect(broker.connected).toBe(true);
    handler.release();
    await publish('m2');
    await eventually(() => {
      expect(handler.ids.at(-1)).toBe('m2');
    });
  }, 60_000);

  async function setAckTimeout(timeout: number, tick: number): Promise<void> {
    const values = `[{consumer_timeout, ${String(timeout)}}, {channel_tick_interval, ${String(tick)}}]`;
    await node.ctl('eval', `[application:set_env(rabbit, K, V) || {K, V} <- ${values}], ok.`);
  }
});
