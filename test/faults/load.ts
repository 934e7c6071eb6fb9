import { setTimeout as wait } from 'node:timers/promises';

import { WirepostError } from '../../src/client';
import { eventually } from '../support/eventually';
import type { AmqpSender } from './amqp-sender';
import type { Entrance, FaultClient } from './client';
import type { Generator } from './generator';
import { type History, meaning } from './history';
import type { Attempt, Operation } from './operation';
import type { Random } from './random';
import { push, pushAll } from './rest-sender';

/** ms between two looks for operations that are due. */
const TICK = 10;
/** ms after which a caller that repeats gives up. */
const DEADLINE = 30_000;
/** ms between two attempts of a caller that repeats. */
const PAUSE = 200;
/** Messages of one batch request. */
const BATCH = 5;

/** There is no gateway to send to. */
const NOBODY: Attempt = { kind: 'refused', reason: 'no gateway' };

/** What the load sends through. */
export interface Ways {
  readonly clients: readonly FaultClient[];
  readonly amqp: AmqpSender;
  /** A gateway for the next request; undefined when the run has ended them all. */
  entrance(): Entrance | undefined;
}

/** Open loop: operations begin at a fixed rate, whatever becomes of those before. */
export class Load {
  accepted = 0;
  private begun = 0;
  private abandoned = false;
  private readonly running = new Set<Promise<void>>();
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly ways: Ways,
    private readonly generator: Generator,
    private readonly history: History,
    private readonly random: Random,
  ) {}

  /** Begins `rate` operations a second. */
  start(rate: number): void {
    const since = performance.now();
    const before = this.begun;
    this.timer = setInterval(() => {
      const due = before + Math.floor(((performance.now() - since) * rate) / 1000);
      while (this.begun < due) this.step();
    }, TICK);
  }

  /** Begins no more. */
  stop(): void {
    clearInterval(this.timer);
  }

  /** Nobody waits for what is still running: callers repeat nothing any more. */
  abandon(): void {
    this.stop();
    this.abandoned = true;
  }

  /** Resolves when so many more operations were accepted. */
  async accepts(more: number, within = 60_000): Promise<void> {
    const enough = this.accepted + more;
    await eventually(
      () => {
        if (this.accepted < enough)
          throw new Error(`${String(enough - this.accepted)} more should have been accepted`);
      },
      { within },
    );
  }

  /** Resolves to true when everything that was begun has ended, to false after `within` ms. */
  async settled(within: number): Promise<boolean> {
    const all = Promise.all(this.running).then(() => true);
    return Promise.race([all, wait(within, false, { ref: false })]);
  }

  /** Runs one operation to its end, in the history too. */
  run(operation: Operation): Promise<void> {
    return this.track(this.one(operation));
  }

  private step(): void {
    const operation = this.generator.next();
    if (operation.channel !== 'batch') {
      this.begun += 1;
      void this.run(operation);
      return;
    }
    const batch = [operation];
    while (batch.length < BATCH) {
      const more = this.generator.next();
      if (more.channel === 'client' || more.channel === 'upstream' || more.channel === 'amqp')
        void this.run(more);
      else batch.push({ ...more, channel: 'batch' });
      this.begun += 1;
    }
    this.begun += 1;
    void this.track(this.batch(batch));
  }

  private track(work: Promise<void>): Promise<void> {
    const tracked = work.finally(() => {
      this.running.delete(tracked);
    });
    this.running.add(tracked);
    return tracked;
  }

  private async one(operation: Operation): Promise<void> {
    this.invoke(operation);
    const { channel, sender } = operation;
    const client = this.clientOf(sender);
    if (client !== undefined) {
      await this.bySdk(client, operation);
      return;
    }
    if (channel === 'repeat') {
      await this.twice(operation);
      return;
    }
    await this.repeating(operation, async () => [
      await (channel === 'amqp' ? this.ways.amqp.send(operation) : this.push(operation)),
    ]);
  }

  /** The SDK repeats by itself, over any number of connections, until there is an answer. */
  private async bySdk(client: FaultClient, operation: Operation): Promise<void> {
    const twin = this.clientOf(operation.twin);
    const attempts = await Promise.all(
      [client, ...(twin === undefined ? [] : [twin])].map((one) => sendBy(one, operation)),
    );
    this.complete(operation, attempts);
  }

  private clientOf(name: string | undefined): FaultClient | undefined {
    return this.ways.clients.find((client) => client.name === name);
  }

  /** A caller that lost the first answer: the same message at two gateways in the same moment. */
  private async twice(operation: Operation): Promise<void> {
    await this.repeating(operation, () =>
      Promise.all([this.push(operation), this.push(operation)]),
    );
  }

  private async repeating(
    operation: Operation,
    send: () => Promise<readonly Attempt[]>,
  ): Promise<void> {
    const deadline = performance.now() + DEADLINE;
    const made: Attempt[] = [];
    for (;;) {
      const attempts = await send();
      made.push(...attempts);
      const attempt = bestOf(attempts);
      const isLast = this.abandoned || !operation.repeats || performance.now() > deadline;
      if (attempt.kind === 'ok' || attempt.kind === 'failed' || isLast) break;
      await wait(PAUSE + this.random.integer(0, PAUSE));
    }
    // What may have been taken once is not refused because a later attempt was.
    this.complete(operation, made);
  }

  private async batch(operations: readonly Operation[]): Promise<void> {
    for (const operation of operations) this.invoke(operation);
    const at = this.ways.entrance();
    const attempts = at === undefined ? [] : await pushAll(at, operations);
    await Promise.all(
      operations.map(async (operation, i) => {
        const attempt = attempts[i] ?? NOBODY;
        if (attempt.kind === 'ok' || attempt.kind === 'failed' || !operation.repeats)
          this.complete(operation, [attempt]);
        else await this.again(operation, attempt);
      }),
    );
  }

  /** What a batch did not get through is repeated one by one. */
  private async again(operation: Operation, first: Attempt): Promise<void> {
    let before: Attempt | undefined = first;
    await this.repeating(operation, async () => {
      const attempt = before ?? (await this.push(operation));
      before = undefined;
      return [attempt];
    });
  }

  private push(operation: Operation): Promise<Attempt> {
    const at = this.ways.entrance();
    return at === undefined ? Promise.resolve(NOBODY) : push(at, operation);
  }

  private invoke({ op, channel, sender, seq, audience, from, ordered, body }: Operation): void {
    const whom = from === undefined ? {} : { from };
    this.history.add({
      kind: 'invoke',
      ...{ op, channel, sender, seq, audience, ...whom, ordered },
      deadline: DEADLINE,
      ...(body.messageType !== 'CLIENT_TO_SERVER' && { meaning: meaning(body) }),
    });
  }

  private complete({ op }: Operation, made: readonly Attempt[]): void {
    const best = bestOf(made);
    const silent = made.some((attempt) => attempt.kind === 'unknown' && attempt.silent === true);
    const refused = made.find((attempt) => attempt.kind === 'failed');
    const common = {
      ...{ op, attempts: made.length },
      ...(silent && { silent }),
      ...(refused !== undefined && { final: true }),
    };
    if (best.kind === 'ok') {
      this.accepted += 1;
      this.history.add({ kind: 'ok', ...common });
    } else {
      const kind = best.kind === 'unknown' ? 'info' : 'fail';
      this.history.add({ kind, ...common, reason: refused?.reason ?? best.reason });
    }
  }
}

async function sendBy({ client }: FaultClient, { body }: Operation): Promise<Attempt> {
  try {
    await client.send(body as Parameters<typeof client.send>[0]);
    return { kind: 'ok' };
  } catch (error) {
    const reason = error instanceof WirepostError ? error.code : String(error);
    const isUnknown = reason === 'UNKNOWN_OUTCOME' || reason === 'CLOSED';
    return { kind: isUnknown ? 'unknown' : 'failed', reason };
  }
}

/** What several attempts at one message came to together. */
function bestOf(attempts: readonly Attempt[]): Attempt {
  const of = (kind: Attempt['kind']): Attempt | undefined =>
    attempts.find((attempt) => attempt.kind === kind);
  return (
    of('ok') ?? of('unknown') ?? of('failed') ?? of('refused') ?? { kind: 'unknown', reason: '' }
  );
}
