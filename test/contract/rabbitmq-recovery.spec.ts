import { Logger } from '@nestjs/common';
import { Socket } from 'node:net';
import { inspect } from 'node:util';

import type { Refusal } from '../../src/domain/errors';
import { DONE, type Outcome } from '../../src/domain/routing/redelivery-policy';
import { BrokerLink } from '../../src/infrastructure/rabbitmq/broker-link';
import { ConfirmingPublisher } from '../../src/infrastructure/rabbitmq/confirming-publisher';
import type { RabbitMqBroker } from '../../src/infrastructure/rabbitmq/rabbitmq-broker';
import { eventually } from '../support/eventually';
import { freshPrefix, sharedBroker } from '../support/shared-broker';
import { anEntry } from './message-log.contract';
import { silence } from './quiet-logger';
import { connectBroker, Program, settingsFor } from './rabbitmq-fixture';
import { RecordingListener } from './recording-listener';
import { question, ToldHandler } from './upstream.contract';

silence();

const HOUR = 3_600_000;
const MiB = 1024 * 1024;
const TYPE = 'qrcode.refresh';

/** Faults that hit only what one node has on the shared broker: queues, exchanges, bindings, channels. */
describe('the RabbitMQ adapters', () => {
  let broker: RabbitMqBroker;
  let program: Program;
  let prefix: string;

  beforeEach(async () => {
    prefix = freshPrefix();
    broker = await connectBroker(settingsFor(sharedBroker().url, prefix, { retryDelays: [100] }));
    program = await Program.connect(sharedBroker().url);
  });
  afterEach(async () => {
    await broker.close();
    await program.close();
  });

  const append = (messageId: string): Promise<void> =>
    broker.logWriter.append(anEntry({ messageId }));
  const outcome = (promise: Promise<unknown>): Promise<string> =>
    promise.then(
      () => 'accepted',
      (error: unknown) => (error as Refusal).code,
    );
  async function follow(): Promise<RecordingListener> {
    const listener = new RecordingListener();
    await broker.logReader.start(HOUR, listener);
    return listener;
  }
  async function consume(handler: ToldHandler, concurrency = 1): Promise<ToldHandler> {
    await broker.queues.consume({ businessType: TYPE, concurrency }, handler.handle);
    return handler;
  }
  const publish = (messageId: string): Promise<string> =>
    broker.upstream.publish(question({ messageId }));

  /** The broker closes the channels on which a queue is consumed, as if each had asked for a queue that is not there. */
  async function closeConsumersOf(queue: string): Promise<void> {
    const find = `{ok, Q} = rabbit_amqqueue:lookup(rabbit_misc:r(<<"/">>, queue, <<"${queue}">>))`;
    const declare = `{'queue.declare', 0, <<"no such queue">>, true, false, false, false, false, []}`;
    const close = `length([rabbit_channel:do(element(1, C), ${declare}) || C <- rabbit_amqqueue:consumers(Q)])`;
    expect(await sharedBroker().evaluate(`${find}, ${close}`)).toBe('1');
  }

  describe('append', () => {
    it('is refused while the log is not bound to its exchange', async () => {
      await append('m1');
      await program.channel.unbindQueue(`${prefix}.log`, `${prefix}.push`, '');
      expect(await outcome(append('m2'))).toBe('UNAVAILABLE');
      expect(await outcome(broker.logWriter.append({ kind: 'claims', claims: [] }))).toBe(
        'UNAVAILABLE',
      );
    });

    it('refuses every message of an entry that was returned, and the log has none of them', async () => {
      const listener = await follow();
      await append('m1');
      await program.channel.unbindQueue(`${prefix}.log`, `${prefix}.push`, '');
      const refused = await Promise.all(
        ['a', 'b', 'a'].map((messageId) => outcome(append(messageId))),
      );
      expect(refused).toEqual(['UNAVAILABLE', 'UNAVAILABLE', 'UNAVAILABLE']);
      await eventually(() => append('c'));
      await eventually(() => {
        expect(listener.ids).toEqual(['m1', 'c']);
      });
    });

    it('binds the log again that it could not be routed to, and leaves its channel open meanwhile', async () => {
      const warnings = jest.spyOn(Logger.prototype, 'warn');
      const listener = await follow();
      await program.channel.unbindQueue(`${prefix}.log`, `${prefix}.push`, '');
      const refused: string[] = [];
      await eventually(async () => {
        const answer = await outcome(append('m1'));
        refused.push(answer);
        expect(answer).toBe('accepted');
      });
      expect(refused.length).toBeGreaterThan(1);
      expect(new Set(refused.slice(0, -1))).toEqual(new Set(['UNAVAILABLE']));
      const lines = warnings.mock.calls.map(([line]) => String(line));
      warnings.mockRestore();
      expect(lines.filter((line) => line.startsWith('declares anew'))).toHaveLength(1);
      await eventually(() => {
        expect(listener.ids).toEqual(['m1']);
      });
    });

    it('works again after the broker has closed the channel alone', async () => {
      const listener = await follow();
      await program.channel.deleteExchange(`${prefix}.push`);
      expect(await outcome(append('m1'))).toBe('UNKNOWN_OUTCOME');
      expect(broker.connected).toBe(true);
      await eventually(async () => {
        expect(await outcome(append('m2'))).toBe('accepted');
      });
      await eventually(() => {
        expect(listener.ids).toEqual(['m2']);
      });
    });

    it('does not say that nobody has a message which one of several queues refused', async () => {
      await append('m1');
      const full = `${prefix}.full`;
      const limits = { 'x-max-length': 1, 'x-overflow': 'reject-publish' };
      await program.channel.assertQueue(full, { arguments: limits });
      program.channel.sendToQueue(full, Buffer.from('it is full now'));
      await program.channel.bindQueue(full, `${prefix}.push`, '');
      const listener = await follow();
      await eventually(async () => {
        expect(await outcome(append('m2'))).toBe('UNKNOWN_OUTCOME');
      });
      await eventually(() => {
        expect(listener.ids).toContain('m2');
      });
    });

    it('does not suffer from a closed channel of another kind of publish', async () => {
      await program.channel.deleteExchange(`${prefix}.upstream`);
      const results = [append('m1'), publish('q1'), append('m2')];
      expect(await Promise.all(results.map(outcome))).toEqual([
        'accepted',
        'UNKNOWN_OUTCOME',
        'accepted',
      ]);
      await eventually(async () => {
        expect(await publish('q2')).toBe('unroutable');
      });
    });
  });

  describe('the connection', () => {
    it('sends small writes at once, behind others that the broker has not acknowledged', async () => {
      const set = jest.spyOn(Socket.prototype, 'setNoDelay');
      const link = new BrokerLink('test', settingsFor(sharedBroker().url, prefix));
      await link.open();
      expect(set.mock.calls).toEqual([[true]]);
      set.mockRestore();
      await link.close();
    });
  });

  describe('a publish that cannot be encoded', () => {
    it('is refused and leaves the confirms of the others as they are', async () => {
      const link = new BrokerLink('test', settingsFor(sharedBroker().url, prefix));
      await link.open();
      const publisher = new ConfirmingPublisher(link, 'test', 1000, () => Promise.resolve());
      await publisher.start();
      const send = (key: string, messageId: string): Promise<string> =>
        publisher
          .publish('', key, Buffer.from('x'), { messageId })
          .catch((one: unknown) => String(one));
      expect(await send('nowhere', 'x'.repeat(300))).toContain('messageId');
      await eventually(async () => {
        expect(await send(`${prefix}.dead`, 'm1')).toBe('routed');
      });
      expect(await send('nowhere', 'm2')).toBe('unroutable');
      expect(await send(`${prefix}.dead`, 'm3')).toBe('routed');
      await publisher.stop();
      await link.close();
    });
  });

  describe('messages that are appended together', () => {
    const positions = ({ offsets }: RecordingListener): number[] => offsets.map(Math.floor);

    it('share entries, in the order of their appends', async () => {
      const listener = await follow();
      const ids = Array.from({ length: 1200 }, (_, i) => `m${String(i)}`);
      await Promise.all(ids.map(append));
      await eventually(() => {
        expect(listener.ids).toEqual(ids);
      });
      expect(listener.isContiguous).toBe(true);
      expect(new Set(positions(listener)).size).toBeLessThan(20);
    });

    it('come before what is appended after them, whatever that is', async () => {
      const listener = await follow();
      const appended = [append('m1'), append('m2')];
      appended.push(broker.logWriter.append({ kind: 'probe', id: 'p1' }), append('m3'));
      await Promise.all(appended);
      await eventually(() => {
        expect(listener.entries).toHaveLength(4);
      });
      expect(listener.entries.map(({ kind }) => kind)).toEqual([
        'message',
        'message',
        'probe',
        'message',
      ]);
      expect(listener.offsets).toEqual([0, 0.001, 1, 2]);
    });

    it('take no more room in an entry than an AMQP frame has, whatever their size', async () => {
      const listener = await follow();
      const ids = Array.from({ length: 30 }, (_, i) => `m${String(i)}`);
      const content = 'x'.repeat(30_000);
      await Promise.all(
        ids.map((messageId) => broker.logWriter.append(anEntry({ messageId, content }))),
      );
      await eventually(() => {
        expect(listener.ids).toEqual(ids);
      });
      expect(new Set(positions(listener)).size).toBe(10);
    });
  });

  describe('a log of several segments', () => {
    it('is read to its end without a loss, although each new segment leaves an offset out', async () => {
      const small = freshPrefix();
      const settings = settingsFor(sharedBroker().url, small, { logMaxBytes: 20 * MiB });
      const segmented = await connectBroker(settings);
      const listener = new RecordingListener();
      await segmented.logReader.start(HOUR, listener);
      const ids = Array.from({ length: 120 }, (_, i) => `m${String(i)}`);
      const content = 'x'.repeat(60_000);
      for (const messageId of ids)
        await segmented.logWriter.append(anEntry({ messageId, content }));
      await eventually(() => {
        expect(listener.ids).toEqual(ids);
      });
      expect(listener.losses).toEqual([]);
      expect(listener.isContiguous).toBe(false);
      await segmented.close();
    });
  });

  describe('a log that was deleted and made anew', () => {
    async function recreateWith(count: number): Promise<void> {
      await program.channel.deleteQueue(`${prefix}.log`);
      // The reader makes it again.
      await eventually(async () => {
        expect(await outcome(append('n0'))).toBe('accepted');
      });
      for (let n = 1; n < count; n += 1) await append(`n${String(n)}`);
    }

    it.each([
      ['shorter', 20, 5],
      ['longer', 3, 40],
    ])('and is %s is read from its start, after a reset', async (_, before, after) => {
      const listener = await follow();
      for (let n = 0; n < before; n += 1) await append(`m${String(n)}`);
      await eventually(() => {
        expect(listener.ids).toHaveLength(before);
      });
      await recreateWith(after);
      await eventually(
        () => {
          expect(listener.resets).toBe(1);
          expect(listener.ids).toEqual(Array.from({ length: after }, (_, n) => `n${String(n)}`));
        },
        { within: 15_000 },
      );
      expect(listener.offsets[0]).toBe(0);
      await append('end');
      await eventually(() => {
        expect(listener.ids.at(-1)).toBe('end');
      });
      expect(listener.isContiguous).toBe(true);
    });

    it('is noticed although it never falls quiet', async () => {
      const listener = await follow();
      await Promise.all(Array.from({ length: 5000 }, (_, n) => append(`m${String(n)}`)));
      await eventually(() => {
        expect(listener.ids).toHaveLength(5000);
      });
      await recreateWith(1);
      const end = new AbortController();
      const writing = (async () => {
        // Slowly, so that the new log stays shorter, but never with a pause that would pass for its end.
        while (!end.signal.aborted) {
          await append('more');
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      })();
      await eventually(
        () => {
          expect(listener.resets).toBe(1);
          expect(listener.ids[0]).toBe('n0');
        },
        { within: 15_000 },
      );
      end.abort();
      await writing;
      expect(listener.isContiguous).toBe(true);
    });
  });

  describe('handlers', () => {
    /** How a queue that has an exchange of its own name gets no messages any more. */
    const losses: [string, (queue: string) => Promise<unknown>][] = [
      ['deleted', (queue) => program.channel.deleteQueue(queue)],
      ['not bound', (queue) => program.channel.unbindQueue(queue, queue, '')],
    ];

    it('get messages again after their queue was deleted', async () => {
      const handler = await consume(new ToldHandler());
      await publish('m1');
      await eventually(() => {
        expect(handler.ids).toEqual(['m1']);
      });
      await program.channel.deleteQueue(`${prefix}.handler.${TYPE}`);
      await eventually(async () => {
        expect(await publish('m2')).toBe('routed');
      });
      await eventually(() => {
        expect(handler.ids).toEqual(['m1', 'm2']);
      });
    });

    it.each(losses)(
      'keep a message whose retry has no queue to wait in, and make that again: it is %s',
      async (_, lose) => {
        const retries = `${prefix}.retry.100`;
        const errors = jest.spyOn(Logger.prototype, 'error');
        await lose(retries);
        const handler = new ToldHandler((n) =>
          n === 1 ? { kind: 'retry', delay: 100, reason: 'busy' } : DONE,
        );
        await consume(handler);
        await publish('m1');
        await eventually(() => {
          expect(errors).toHaveBeenCalledWith(expect.stringContaining('retry queue is missing'));
        });
        errors.mockRestore();
        expect(handler.ids).toEqual(['m1']);
        await eventually(() => {
          expect(handler.ids).toEqual(['m1', 'm1']);
        });
        expect(handler.got.map(({ attempt }) => attempt)).toEqual([1, 2]);
      },
    );

    it('keep a message whose retry cannot be published, until it can', async () => {
      await program.channel.deleteExchange(`${prefix}.retry.100`);
      const handler = new ToldHandler((n) =>
        n < 3 ? { kind: 'retry', delay: 100, reason: 'busy' } : DONE,
      );
      await consume(handler);
      await publish('m1');
      await eventually(() => {
        expect(handler.ids).toEqual(['m1', 'm1', 'm1']);
      });
      expect(handler.got.map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
    });

    it.each(losses)(
      'keep a message whose dead letter has no queue to lie in, and make that again: it is %s',
      async (_, lose) => {
        const dead = `${prefix}.dead`;
        await lose(dead);
        const errors = jest.spyOn(Logger.prototype, 'error');
        const handler = await consume(new ToldHandler(() => ({ kind: 'reject', reason: 'bad' })));
        await publish('m1');
        await eventually(() => {
          expect(errors).toHaveBeenCalledWith(
            expect.stringContaining('dead letter queue is missing'),
          );
        });
        errors.mockRestore();
        await eventually(async () => {
          expect(await program.deadLetters(prefix)).toMatchObject([{ messageId: 'm1' }]);
        });
        expect(handler.ids).toEqual(['m1']);
        await eventually(async () => {
          expect(await program.peek(`${prefix}.handler.${TYPE}`)).toEqual([]);
        });
      },
    );

    it('retry all the same while somebody has made the queue of dead letters otherwise', async () => {
      const dead = `${prefix}.dead`;
      await program.channel.deleteQueue(dead);
      await program.channel.assertQueue(dead, { durable: true });
      const warnings = jest.spyOn(Logger.prototype, 'warn');
      const outcomes: Outcome[] = [
        { kind: 'reject', reason: 'bad' },
        { kind: 'retry', delay: 100, reason: 'busy' },
      ];
      const handler = await consume(new ToldHandler((n) => outcomes[n - 1] ?? DONE), 2);
      await publish('buried');
      await eventually(() => {
        expect(warnings).toHaveBeenCalledWith(expect.stringMatching(/^not declared: .*406/));
      });
      await publish('retried');
      await eventually(() => {
        expect(handler.ids).toEqual(['buried', 'retried', 'retried']);
      });
      const lines = warnings.mock.calls.map(([line]) => String(line));
      warnings.mockRestore();
      expect(lines.filter((line) => /closed by the broker|not opened/.test(line))).toEqual([]);
      await program.channel.deleteQueue(dead);
      await eventually(async () => {
        expect(await program.deadLetters(prefix)).toMatchObject([{ messageId: 'buried' }]);
      });
    });

    it.each([
      { kind: 'retry', delay: 100, reason: 'busy' },
      { kind: 'reject', reason: 'bad' },
    ] as const)(
      'publish nothing of a message that the broker has taken back meanwhile: $kind',
      async (outcome) => {
        const handler = new ToldHandler((n) => (n === 1 || n === 3 ? outcome : DONE));
        handler.holding = true;
        await consume(handler);
        await publish('m1');
        await eventually(() => {
          expect(handler.working).toBe(1);
        });
        await closeConsumersOf(`${prefix}.handler.${TYPE}`);
        await eventually(() => {
          expect(handler.working).toBe(2);
        });
        handler.release();
        await publish('m2');
        const seen = outcome.kind === 'retry' ? ['m1', 'm1', 'm2', 'm2'] : ['m1', 'm1', 'm2'];
        await eventually(() => {
          expect(handler.ids).toEqual(seen);
        });
        await eventually(async () => {
          const letters = await program.deadLetters(prefix);
          expect(letters.map(({ messageId }) => messageId)).toEqual(
            outcome.kind === 'reject' ? ['m2'] : [],
          );
        });
      },
    );

    it('leave to others what they had not begun when they stopped', async () => {
      const first = new ToldHandler();
      first.holding = true;
      await consume(first);
      await publish('m1');
      await publish('m2');
      await eventually(() => {
        expect(first.working).toBe(1);
      });
      const stopping = broker.queues.stop(10_000);
      first.release();
      await stopping;
      const other = await connectBroker(
        settingsFor(sharedBroker().url, prefix, { retryDelays: [100] }),
      );
      const second = new ToldHandler();
      await other.queues.consume({ businessType: TYPE, concurrency: 1 }, second.handle);
      await eventually(() => {
        expect(second.ids).toEqual(['m2']);
      });
      await other.close();
      expect(first.ids).toEqual(['m1']);
    });

    it('that were full of waiting messages before they started get all of them', async () => {
      await consume(new ToldHandler());
      await broker.queues.stop(1000);
      const ids = Array.from({ length: 50 }, (_, n) => `m${String(n)}`);
      await Promise.all(ids.map(publish));
      const other = await connectBroker(
        settingsFor(sharedBroker().url, prefix, { retryDelays: [100] }),
      );
      const handler = new ToldHandler();
      await other.queues.consume({ businessType: TYPE, concurrency: 1 }, handler.handle);
      await eventually(() => {
        expect(handler.ids).toEqual(ids);
      });
      await other.close();
    });
  });

  describe('connect', () => {
    it('works for several nodes at once that find nothing declared', async () => {
      const fresh = settingsFor(sharedBroker().url, freshPrefix());
      const nodes = await Promise.all([1, 2, 3].map(() => connectBroker(fresh)));
      const listeners = await Promise.all(
        nodes.map(async ({ logReader }) => {
          const listener = new RecordingListener();
          await logReader.start(HOUR, listener);
          return listener;
        }),
      );
      await nodes[0]?.logWriter.append(anEntry({ messageId: 'm1' }));
      await eventually(() => {
        expect(listeners.map(({ ids }) => ids)).toEqual([['m1'], ['m1'], ['m1']]);
      });
      await Promise.all(nodes.map((node) => node.close()));
    });

    it('fails with the broker’s reason when a queue was declared otherwise before', async () => {
      const other = freshPrefix();
      await program.channel.assertQueue(`${other}.log`, { durable: true });
      const started = performance.now();
      await expect(connectBroker(settingsFor(sharedBroker().url, other))).rejects.toThrow(
        /PRECONDITION_FAILED.*\.log/,
      );
      expect(performance.now() - started).toBeLessThan(3000);
    });

    it('goes on with the retention that the log was declared with, and says which setting has no effect', async () => {
      const mine = freshPrefix();
      const settings = settingsFor(sharedBroker().url, mine, { logMaxBytes: 20 * MiB });
      const first = await connectBroker(settings);
      await first.logWriter.append(anEntry({ messageId: 'm1' }));
      await first.close();
      const warn = jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
      const next = await connectBroker({ ...settings, logMaxAge: 2 * HOUR, logMaxBytes: 40 * MiB });
      const warnings = warn.mock.calls.map(([text]) => String(text));
      warn.mockRestore();
      for (const [setting, value] of [
        ['LOG_MAX_AGE', '3600s'],
        ['LOG_MAX_BYTES', String(20 * MiB)],
      ] as const) {
        const sentence = `not opened: ${setting} is not what the stream ${mine}.log was declared with (${value})`;
        expect(warnings.filter((text) => text.startsWith(sentence))).toHaveLength(1);
      }
      const listener = new RecordingListener();
      await next.logReader.start(HOUR, listener);
      await next.logWriter.append(anEntry({ messageId: 'm2' }));
      await eventually(() => {
        expect(listener.ids).toEqual(['m1', 'm2']);
      });
      await next.close();
    });

    it('fails within its time when nobody is there, and names the setting', async () => {
      const started = performance.now();
      const settings = settingsFor('amqp://me:hidden-word@127.0.0.1:1', 'x', {
        connectTimeout: 1000,
      });
      const error: unknown = await connectBroker(settings).catch((one: unknown) => one);
      expect(String(error)).toMatch(
        /^Error: no broker at AMQP_URL answered within 1 s: .*ECONNREFUSED/,
      );
      expect(performance.now() - started).toBeLessThan(4000);
    });

    it('says what it may be when the broker lets nobody into the vhost', async () => {
      const url = `${sharedBroker().url}/nowhere`;
      const settings = settingsFor(url, 'x', { connectTimeout: 1000 });
      await expect(connectBroker(settings)).rejects.toThrow(
        /ConnectionClose.*: the vhost of the URL may not exist, or its user may not enter it$/,
      );
    });

    it('knows users and passwords with signs and letters of every kind', async () => {
      const [name, password] = ['Jürgen 名', 'pä%s/w:ø#r@d?+ 🙂'];
      await sharedBroker().addUser(name, undefined, password);
      const user = `${encodeURIComponent(name)}:${encodeURIComponent(password)}`;
      const settings = settingsFor(sharedBroker().url.replace('guest:guest', user), freshPrefix());
      const broker = await connectBroker(settings);
      // Under the name by which the broker knows it, or the entry would be a stranger's.
      await broker.logWriter.append(anEntry({ messageId: 'm1' }));
      const listener = new RecordingListener();
      await broker.logReader.start(HOUR, listener);
      await eventually(() => {
        expect(listener.ids).toEqual(['m1']);
      });
      await broker.close();
      await sharedBroker().ctl('delete_user', name);
    });

    it('fails with the reason, and without the password, when the broker does not know it', async () => {
      const url = sharedBroker().url.replace('guest:guest', 'guest:hidden-word');
      const settings = settingsFor(url, 'x', { connectTimeout: 1000 });
      const error: unknown = await connectBroker(settings).catch((one: unknown) => one);
      expect(String(error)).toMatch(/AMQP_URL.*ACCESS.REFUSED/s);
      expect(inspect(error, { depth: 10, showHidden: true })).not.toContain('hidden-word');
    });
  });
});
