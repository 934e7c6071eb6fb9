import { HandlerRegistry } from '../../../src/application/handlers/handler-registry';
import { HandlerRunner } from '../../../src/application/handlers/handler-runner';
import type { Handler, HandlerResult } from '../../../src/application/handlers/business-handler';
import { LogClaims } from '../../../src/application/log/log-claims';
import { LogFollower } from '../../../src/application/log/log-follower';
import { LogWriter, type NewEntry } from '../../../src/application/ports/message-log';
import { HandlerQueues, type UpstreamDelivery } from '../../../src/application/ports/upstream';
import { Refusal } from '../../../src/domain/errors';
import type { Json } from '../../../src/protocol/unified-body';
import { NODE_SENDER } from '../../../src/domain/message/message';
import type { Outcome } from '../../../src/domain/routing/redelivery-policy';
import { BARE_FRAMES } from '../../support/bare-frames';
import { FakeClock } from '../../support/fake-clock';
import { aMessage } from '../../support/message.builder';
import { RecordingMetrics } from '../../support/recording-metrics';
import { turns } from '../../support/turns';

/** A log that confirms when the test says so. */
class HeldLog extends LogWriter {
  override readonly blocked = false;
  readonly appended: NewEntry[] = [];
  private readonly waiting: { resolve: () => void; reject: (error: Error) => void }[] = [];

  override append(entry: NewEntry): Promise<void> {
    this.appended.push(entry);
    return new Promise((resolve, reject) => {
      this.waiting.push({ resolve, reject });
    });
  }

  confirm(): void {
    for (const { resolve } of this.waiting.splice(0)) resolve();
  }

  refuse(error: Error): void {
    for (const { reject } of this.waiting.splice(0)) reject(error);
  }
}

class DirectQueues extends HandlerQueues {
  deliver: (delivery: UpstreamDelivery) => Promise<Outcome> = () =>
    Promise.reject(new Error('not consumed'));

  override consume(
    _queue: unknown,
    handle: (delivery: UpstreamDelivery) => Promise<Outcome>,
  ): Promise<void> {
    this.deliver = handle;
    return Promise.resolve();
  }

  override restore(): boolean {
    return true;
  }

  override stop(): Promise<void> {
    return Promise.resolve();
  }
}

async function aRunner(
  handle: Handler['handle'],
  from?: 'anyone',
  timeout?: number,
): Promise<{
  runner: HandlerRunner;
  log: HeldLog;
  queues: DirectQueues;
  follower: LogFollower;
  metrics: RecordingMetrics;
}> {
  const [log, queues, clock, metrics] = [
    new HeldLog(),
    new DirectQueues(),
    new FakeClock(),
    new RecordingMetrics(),
  ];
  const follower = new LogFollower(
    { maxAge: 60_000, maxBytes: 1e7 },
    1000,
    BARE_FRAMES,
    clock,
    metrics,
  );
  const registry = new HandlerRegistry();
  registry.register(
    'Asked',
    { handle },
    { businessType: 'order.status', ...(from && { from }), ...(timeout && { timeout }) },
  );
  const claims = new LogClaims(log, follower, clock, 5000);
  const settings = { retryDelays: [10], maxBytes: 10_000 };
  const runner = new HandlerRunner(
    registry,
    queues,
    log,
    follower,
    claims,
    clock,
    metrics,
    settings,
  );
  await runner.start();
  return { runner, log, queues, follower, metrics };
}

const QUESTION = aMessage(
  { messageType: 'CLIENT_TO_SERVER', toUniqueId: undefined },
  { kind: 'client', uniqueId: 'asker', clientType: 'H5' },
);
const DELIVERY: UpstreamDelivery = {
  message: QUESTION,
  publishId: 'publish-1',
  attempt: 1,
  outages: 0,
};

function idsOf(log: HeldLog): unknown[] {
  return log.appended.map((entry) => (entry.kind === 'message' ? entry.message.id : entry.kind));
}

describe('HandlerRunner', () => {
  it('is done with a message only after its replies are confirmed', async () => {
    const { log, queues, metrics } = await aRunner(() =>
      Promise.resolve([{ reply: 1 }, { reply: 2 }]),
    );
    let outcome: Outcome | undefined;
    void queues.deliver(DELIVERY).then((result) => (outcome = result));
    await turns();
    for (const logged of [1, 2]) {
      expect(log.appended).toHaveLength(logged);
      expect(outcome).toBeUndefined();
      expect(metrics.total('handlerDone')).toBe(0);
      log.confirm();
      await turns();
    }
    expect(outcome).toEqual({ kind: 'done' });
    expect(metrics.total('handlerDone')).toBe(1);
  });

  it('gives replies the same ids over redeliveries, so that the log takes them once', async () => {
    const { log, queues } = await aRunner(() => Promise.resolve({ reply: 1 }));
    for (const attempt of [1, 2]) {
      const settled = queues.deliver({ ...DELIVERY, attempt });
      await turns();
      log.confirm();
      await settled;
    }
    expect(idsOf(log)).toEqual(['publish-1.r0', 'publish-1.r0']);
  });

  it('logs ids that it makes where no caller can write, and those that a handler chooses among the services’', async () => {
    const push = { ...QUESTION.body, messageType: 'SERVER_TO_CLIENT', toUniqueId: 'u2' } as const;
    const results = [{ reply: 1 }, { push }, { push: { ...push, messageId: 'chosen' } }];
    const { log, queues } = await aRunner(() => Promise.resolve(results));
    void queues.deliver(DELIVERY);
    await turns();
    log.confirm();
    await turns();
    const senders = log.appended.map((entry) => entry.kind === 'message' && entry.message.sender);
    expect(idsOf(log)).toEqual(['publish-1.r2', 'publish-1.r1', 'chosen']);
    expect(senders).toEqual([NODE_SENDER, NODE_SENDER, undefined]);
  });

  it.each([undefined, null, ''])(
    'makes the id of a push itself where the handler gives %p for one',
    async (messageId) => {
      const body = { ...QUESTION.body, messageType: 'SERVER_TO_CLIENT', toUniqueId: 'u2' };
      const push = { ...body, messageId };
      const { log, queues } = await aRunner(() =>
        Promise.resolve({ push } as unknown as HandlerResult),
      );
      for (const attempt of [1, 2]) {
        void queues.deliver({ ...DELIVERY, attempt });
        await turns();
      }
      expect(idsOf(log)).toEqual(['publish-1.r0', 'publish-1.r0']);
    },
  );

  it.each([
    ['does not run the handler when its reply', NODE_SENDER, 0],
    ['runs the handler although a service’s message with the id of its reply', undefined, 1],
    ['runs the handler although a client’s message with the id of its reply', 'asker', 1],
  ])('%s is in the log already, after a crash before the ack', async (_, sender, times) => {
    let runs = 0;
    const { queues, follower, metrics } = await aRunner(() => Promise.resolve(void (runs += 1)));
    follower.entry({
      kind: 'message',
      offset: 0,
      timestamp: 1,
      time: 1,
      id: 'publish-1.r0',
      sender,
      audience: { kind: 'unicast', uniqueId: 'asker', clientType: '' },
      expiresAt: 0,
      receipt: false,
      body: Buffer.from('{"a":1}'),
    });
    expect(await queues.deliver(DELIVERY)).toEqual({ kind: 'done' });
    expect(runs).toBe(times);
    expect(metrics.total('handlerRepeated')).toBe(1 - times);
    expect(metrics.total('handlerDone')).toBe(times);
  });

  it('logs the reply that says the work is done when all before it are confirmed, in their order', async () => {
    const { log, queues } = await aRunner(() => Promise.resolve([{ reply: 1 }, { reply: 2 }]));
    const settled = queues.deliver(DELIVERY);
    await turns();
    expect(idsOf(log)).toEqual(['publish-1.r1']);
    log.refuse(new Refusal('UNAVAILABLE'));
    expect((await settled).kind).toBe('retry');
    const again = queues.deliver({ ...DELIVERY, attempt: 2 });
    await turns();
    log.confirm();
    await turns();
    log.confirm();
    expect(await again).toEqual({ kind: 'done' });
    expect(idsOf(log)).toEqual(['publish-1.r1', 'publish-1.r1', 'publish-1.r0']);
  });

  it('logs nothing when one of the replies cannot be sent', async () => {
    const results = [{ reply: 1 }, { reply: 'x'.repeat(20_000) }];
    const { log, queues } = await aRunner(() => Promise.resolve(results));
    expect((await queues.deliver(DELIVERY)).kind).toBe('reject');
    expect(log.appended).toEqual([]);
  });

  it('gives the replies to a backend’s message the same ids too, when that has an id', async () => {
    const { log, queues } = await aRunner(() => Promise.resolve({ reply: 1 }), 'anyone');
    const body = { ...QUESTION.body, fromUniqueId: 'asker', messageId: 'pay-1' };
    const message = aMessage(body, { kind: 'service' });
    for (const attempt of [1, 2]) {
      const settled = queues.deliver({ message, publishId: undefined, attempt, outages: 0 });
      await turns();
      log.refuse(new Refusal('UNKNOWN_OUTCOME'));
      expect((await settled).kind).toBe('retry');
    }
    const [first, second] = idsOf(log);
    expect(second).toBe(first);
    expect(String(first).length).toBeLessThanOrEqual(64);
  });

  it('tries again when the log could not take the reply', async () => {
    const { log, queues } = await aRunner(() => Promise.resolve({ reply: 1 }));
    const settled = queues.deliver(DELIVERY);
    await turns();
    log.refuse(new Refusal('UNAVAILABLE'));
    expect(await settled).toMatchObject({ kind: 'retry', delay: 10 });
  });

  it.each<[string, unknown]>([
    ['object with the names ["ok"]', { ok: true }],
    ['string hello', 'hello'],
    ['number 0', 0],
    ['boolean false', [{ reply: 1 }, false]],
    ['object null', [null]],
  ])('takes no %s for a reply, and says so in the dead letter', async (shown, result) => {
    const { log, queues } = await aRunner(() => Promise.resolve(result as HandlerResult));
    const outcome = await queues.deliver(DELIVERY);
    expect(outcome).toEqual({
      kind: 'reject',
      reason: expect.stringMatching(/^TypeError: a handler returns nothing, \{ reply \}/) as string,
    });
    expect(JSON.stringify(outcome)).toContain(JSON.stringify(shown).slice(1, -1));
    expect(log.appended).toEqual([]);
  });

  it('sends no reply that is nested deeper than a push may be', async () => {
    let deep: Json = 1;
    for (let i = 0; i < 40; i += 1) deep = [deep];
    const { log, queues } = await aRunner(() => Promise.resolve({ reply: deep }));
    expect(await queues.deliver(DELIVERY)).toEqual({
      kind: 'reject',
      reason: expect.stringMatching(/^TOO_DEEP: /) as string,
    });
    expect(log.appended).toEqual([]);
  });

  it('names the code of what is refused', async () => {
    const { queues } = await aRunner(() => Promise.resolve());
    const message = aMessage(QUESTION.body, { kind: 'service' });
    expect(await queues.deliver({ ...DELIVERY, message })).toEqual({
      kind: 'reject',
      reason: 'FORBIDDEN: businessType is for a client to send',
    });
  });

  it('tries again when the time was up, also where the handler fails at once when it is told so', async () => {
    const { queues } = await aRunner(
      (_, { signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            reject(new Error('cancelled'));
          });
        }),
      undefined,
      1,
    );
    expect(await queues.deliver(DELIVERY)).toMatchObject({
      kind: 'retry',
      reason: expect.stringContaining('no result within 1 ms') as string,
    });
  });

  it('tells a handler at work that the node does not wait for it any longer', async () => {
    const signals: AbortSignal[] = [];
    const { runner, queues } = await aRunner((_, { signal }) => {
      signals.push(signal);
      return new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          reject(signal.reason as Error);
        });
      });
    });
    const settled = queues.deliver(DELIVERY);
    await turns();
    expect(signals.map((signal) => signal.aborted)).toEqual([false]);
    runner.abandon();
    expect(await settled).toEqual({ kind: 'reject', reason: 'Error: the node stops' });
  });
});
