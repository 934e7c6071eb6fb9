import type {
  HandlerQueues,
  UpstreamDelivery,
  UpstreamPublisher,
} from '../../src/application/ports/upstream';
import { Message, type Origin, SERVICE } from '../../src/domain/message/message';
import { DONE, type Outcome } from '../../src/domain/routing/redelivery-policy';
import { eventually } from '../support/eventually';
import { aQuestion } from '../support/message.builder';

/** A dead letter, whatever holds it. */
export interface Buried {
  readonly messageId: string;
  readonly reason: string;
  readonly attempt: number;
}

/** Queues that nobody has used; the smallest delay of a retry is `RETRY` ms. */
export interface UpstreamUnderTest {
  readonly publisher: UpstreamPublisher;
  readonly queues: HandlerQueues;
  deadLetters(): Promise<readonly Buried[]>;
  close(): Promise<void>;
}

export const RETRY = 300;
const TYPE = 'qrcode.refresh';
const CLIENT: Origin = { kind: 'client', uniqueId: '用户1', clientType: 'H5' };

/** A question from a client. */
export function question(
  over: Parameters<typeof aQuestion>[0] = {},
  origin: Origin = CLIENT,
): Message {
  return Message.compose(aQuestion(over), origin, { now: () => 1000, newId: () => 'made-up' });
}

/** A handler that does as it is told and remembers what it got. */
export class ToldHandler {
  readonly got: UpstreamDelivery[] = [];
  private readonly held: (() => void)[] = [];
  working = 0;
  most = 0;
  holding = false;

  constructor(private readonly tell: (n: number) => Outcome | Error = () => DONE) {}

  readonly handle = async (delivery: UpstreamDelivery): Promise<Outcome> => {
    const n = this.got.push(delivery);
    this.working += 1;
    this.most = Math.max(this.most, this.working);
    if (this.holding) await new Promise<void>((resolve) => this.held.push(resolve));
    this.working -= 1;
    const told = this.tell(n);
    if (told instanceof Error) throw told;
    return told;
  };

  /** Lets everything go on that is held, and what comes. */
  release(): void {
    this.holding = false;
    for (const resolve of this.held.splice(0)) resolve();
  }

  get ids(): string[] {
    return this.got.map(({ message }) => message.id);
  }
}

/** What every pair of publisher and handlers' queues must do. */
export function upstreamContract(open: () => Promise<UpstreamUnderTest>): void {
  let upstream: UpstreamUnderTest;
  beforeEach(async () => {
    upstream = await open();
  });
  afterEach(() => upstream.close());

  const consume = async (handler: ToldHandler, concurrency = 10, businessType = TYPE) => {
    await upstream.queues.consume({ businessType, concurrency }, handler.handle);
    return handler;
  };
  const publish = (...ids: string[]) =>
    Promise.all(ids.map((messageId) => upstream.publisher.publish(question({ messageId }))));
  const gets = (handler: ToldHandler, ...ids: string[]) =>
    eventually(() => {
      expect(handler.ids).toEqual(ids);
    });

  describe('publish', () => {
    it('says unroutable while there is no queue for the business type', async () => {
      expect(await publish('m1')).toEqual(['unroutable']);
    });

    it('says routed when a queue has the message', async () => {
      const handler = await consume(new ToldHandler());
      expect(await publish('m1')).toEqual(['routed']);
      await gets(handler, 'm1');
    });

    it('tells several publishes of one messageId apart: routed here, unroutable there', async () => {
      await consume(new ToldHandler());
      const types = [TYPE, 'no.handler', TYPE, 'no.handler'];
      const results = types.map((businessType) =>
        upstream.publisher.publish(question({ messageId: 'same', businessType })),
      );
      expect(await Promise.all(results)).toEqual(['routed', 'unroutable', 'routed', 'unroutable']);
    });
  });

  describe('a delivery', () => {
    it.each([CLIENT, SERVICE])(
      'brings the message with its sender and its id: %j',
      async (origin) => {
        const handler = await consume(new ToldHandler());
        const sent = question(
          { messageId: 'm1', correlationId: 'c1', content: ['你好', 1] },
          origin,
        );
        await upstream.publisher.publish(sent);
        await gets(handler, 'm1');
        const [delivery] = handler.got;
        expect(delivery?.message.body).toEqual(sent.body);
        expect(delivery?.message.origin).toEqual(origin);
        expect(delivery?.message.key).toBe(sent.key);
        expect(delivery?.attempt).toBe(1);
      },
    );

    it.each([true, false])(
      'says whether the sender chose the id, so that it may repeat: %s',
      async (chosen) => {
        const handler = await consume(new ToldHandler());
        await upstream.publisher.publish(question({ messageId: chosen ? 'm1' : undefined }));
        await gets(handler, chosen ? 'm1' : 'made-up');
        expect(handler.got[0]?.message.repeatable).toBe(chosen);
      },
    );

    it('has another publish id for a copy that was published again', async () => {
      const handler = await consume(new ToldHandler());
      await publish('m1');
      await publish('m1');
      await gets(handler, 'm1', 'm1');
      const ids = handler.got.map(({ publishId }) => publishId);
      expect(ids).toEqual([expect.any(String), expect.any(String)]);
      expect(new Set(ids).size).toBe(2);
    });

    it('goes to the handler of its business type only', async () => {
      const handler = await consume(new ToldHandler());
      const other = await consume(new ToldHandler(), 10, 'qrcode.refresh.other');
      await publish('m1');
      await upstream.publisher.publish(
        question({ messageId: 'm2', businessType: 'qrcode.refresh.other' }),
      );
      await gets(handler, 'm1');
      await gets(other, 'm2');
    });
  });

  outcomeContract(() => ({ upstream, consume, publish, gets }));
  concurrencyContract(() => ({ upstream, consume, publish, gets }));
}

interface Tools {
  readonly upstream: UpstreamUnderTest;
  readonly consume: (handler: ToldHandler, concurrency?: number) => Promise<ToldHandler>;
  readonly publish: (...ids: string[]) => Promise<unknown>;
  readonly gets: (handler: ToldHandler, ...ids: string[]) => Promise<void>;
}

/** What becomes of a delivery after its handler. */
function outcomeContract(current: () => Tools): void {
  describe('an outcome', () => {
    it('done ends the message', async () => {
      const { upstream, consume, publish, gets } = current();
      const handler = await consume(new ToldHandler(), 1);
      await publish('m1');
      await publish('m2');
      await gets(handler, 'm1', 'm2');
      expect(await upstream.deadLetters()).toEqual([]);
    });

    it('retry brings the message again after the delay, counts the attempts and keeps the publish id', async () => {
      const { consume, publish, gets } = current();
      const times: number[] = [];
      const handler = new ToldHandler((n) => {
        times.push(performance.now());
        return n < 3 ? { kind: 'retry', delay: RETRY, reason: 'busy' } : DONE;
      });
      await consume(handler);
      await publish('m1');
      await gets(handler, 'm1', 'm1', 'm1');
      expect(handler.got.map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
      expect(new Set(handler.got.map(({ publishId }) => publishId)).size).toBe(1);
      const [first = 0, second = 0, third = 0] = times;
      expect(second - first).toBeGreaterThanOrEqual(RETRY - 20);
      expect(third - second).toBeGreaterThanOrEqual(RETRY - 20);
    });

    it('retry that was no attempt of the handler’s counts none', async () => {
      const { consume, publish, gets } = current();
      const handler = new ToldHandler((n) =>
        n < 4 ? { kind: 'retry', delay: RETRY, reason: 'no log', outage: n < 3 } : DONE,
      );
      await consume(handler);
      await publish('m1');
      await gets(handler, 'm1', 'm1', 'm1', 'm1');
      expect(handler.got.map(({ attempt, outages }) => [attempt, outages])).toEqual([
        [1, 0],
        [1, 1],
        [1, 2],
        [2, 2],
      ]);
    });

    it('retry lets other messages pass meanwhile', async () => {
      const { consume, publish, gets } = current();
      const handler = new ToldHandler((n) =>
        n === 1 ? { kind: 'retry', delay: RETRY, reason: 'busy' } : DONE,
      );
      handler.holding = true;
      await consume(handler, 1);
      await publish('m1');
      await publish('m2');
      handler.release();
      await gets(handler, 'm1', 'm2', 'm1');
    });

    it('retry keeps sender, body and whether the message may be repeated', async () => {
      const { upstream, consume, gets } = current();
      const handler = new ToldHandler((n) =>
        n === 1 ? { kind: 'retry', delay: RETRY, reason: 'busy' } : DONE,
      );
      await consume(handler);
      await upstream.publisher.publish(question({ content: { a: [1, null] } }));
      await gets(handler, 'made-up', 'made-up');
      expect(handler.got[1]?.message).toEqual(handler.got[0]?.message);
    });

    it('reject makes it a dead letter with the reason and the attempt, and the next one comes', async () => {
      const { upstream, consume, publish, gets } = current();
      const outcomes: readonly Outcome[] = [
        { kind: 'retry', delay: RETRY, reason: 'busy' },
        { kind: 'reject', reason: 'no such order: 你好' },
      ];
      const handler = await consume(new ToldHandler((n) => outcomes[n - 1] ?? DONE), 1);
      await publish('m1');
      await gets(handler, 'm1', 'm1');
      await publish('m2');
      await gets(handler, 'm1', 'm1', 'm2');
      await eventually(async () => {
        expect(await upstream.deadLetters()).toEqual([
          { messageId: 'm1', reason: 'no such order: 你好', attempt: 2 },
        ]);
      });
    });

    it('that is a thrown error brings the same delivery again', async () => {
      const { upstream, consume, publish, gets } = current();
      const handler = new ToldHandler((n) => (n === 1 ? new Error('a defect') : DONE));
      await consume(handler);
      await publish('m1');
      await gets(handler, 'm1', 'm1');
      expect(handler.got[1]).toEqual(handler.got[0]);
      expect(await upstream.deadLetters()).toEqual([]);
    });
  });
}

/** How many at a time, and the end. */
function concurrencyContract(current: () => Tools): void {
  const IDS = ['m1', 'm2', 'm3', 'm4', 'm5'];

  async function held(concurrency: number, count: number): Promise<ToldHandler> {
    const { consume, publish } = current();
    const handler = new ToldHandler();
    handler.holding = true;
    await consume(handler, concurrency);
    await publish(...IDS.slice(0, count));
    await eventually(() => {
      expect(handler.working).toBe(Math.min(concurrency, count));
    });
    return handler;
  }

  describe('concurrency', () => {
    it.each([1, 3])('%i is reached and never passed', async (concurrency) => {
      const handler = await held(concurrency, IDS.length);
      handler.release();
      await eventually(() => {
        expect([...handler.ids].sort()).toEqual(IDS);
      });
      expect(handler.most).toBe(concurrency);
    });
  });

  describe('stop', () => {
    it('waits for what is in work and takes nothing more', async () => {
      const { upstream } = current();
      const handler = await held(1, 3);
      let stopped = false;
      const stopping = upstream.queues.stop(10_000).then(() => {
        stopped = true;
      });
      await new Promise(setImmediate);
      expect(stopped).toBe(false);
      handler.release();
      await stopping;
      expect(handler.working).toBe(0);
      expect(handler.ids).toEqual(['m1']);
    });

    it('gives up after the grace', async () => {
      const { upstream } = current();
      const handler = await held(1, 1);
      const started = performance.now();
      await upstream.queues.stop(200);
      expect(performance.now() - started).toBeGreaterThanOrEqual(190);
      expect(performance.now() - started).toBeLessThan(3000);
      handler.release();
    });

    it('is quick when nothing is in work', async () => {
      const { upstream, consume } = current();
      await consume(new ToldHandler());
      const started = performance.now();
      await upstream.queues.stop(10_000);
      expect(performance.now() - started).toBeLessThan(3000);
    });
  });
}
