import { setTimeout as wait } from 'node:timers/promises';

import { WirepostError } from '../../src/client';
import { eventually } from '../support/eventually';
import type { AmqpSender } from './amqp-sender';
import type { Entrance, FaultClient } from './client';
import type { Generator } from './generator';
import type { History } from './history';
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

/** What the load sends through. */
export interface Ways {
  readonly clients: readonly FaultClient[];
  readonly amqp: AmqpSender;
  /** A gateway for the next request; gateways that the run has ended are left out. */
  entrance(): Entrance;
}

/** Open loop: operations begin at a fixed rate, whatever becomes of those before. */
export class Load {
  accepted = 0;
  private begun = 0;
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

  stop(): void {
    clearInterval(this.timer);
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
    const client = this.ways.clients.find(({ name }) => name === sender);
    if (client !== undefined) {
      await this.bySdk(client, operation);
      return;
    }
    if (channel === 'repeat') {
      await this.twice(operation);
      return;
    }
    await this.repeating(operation, () =>
      channel === 'amqp' ? this.ways.amqp.send(operation) : push(this.ways.entrance(), operation),
    );
  }

  /** The SDK repeats by itself, over any number of connections, until there is an answer. */
  private async bySdk({ client }: FaultClient, operation: Operation): Promise<void> {
    try {
      await client.send(operation.body as Parameters<typeof client.send>[0]);
      this.complete(operation, { kind: 'ok' }, 1);
    } catch (error) {
      const code = error instanceof WirepostError ? error.code : String(error);
      const isUnknown = code === 'UNKNOWN_OUTCOME' || code === 'CLOSED';
      this.complete(operation, { kind: isUnknown ? 'unknown' : 'failed', reason: code }, 1);
    }
  }

  /** A caller that lost the first answer: the same message at two gateways in the same moment. */
  private async twice(operation: Operation): Promise<void> {
    await this.repeating(operation, async () => {
      const attempts = await Promise.all([
        push(this.ways.entrance(), operation),
        push(this.ways.entrance(), operation),
      ]);
      return (
        attempts.find(({ kind }) => kind === 'ok') ??
        attempts.find(({ kind }) => kind === 'unknown') ??
        attempts[0]
      );
    });
  }

  private async repeating(operation: Operation, send: () => Promise<Attempt>): Promise<void> {
    const deadline = performance.now() + DEADLINE;
    let doubt: Attempt | undefined;
    let silent = false;
    for (let attempts = 1; ; attempts += 1) {
      const attempt = await send();
      if (attempt.kind === 'unknown') {
        doubt = attempt;
        silent ||= attempt.silent === true;
      }
      const isOver = !operation.repeats || performance.now() > deadline;
      if (attempt.kind === 'ok' || attempt.kind === 'failed' || isOver) {
        // What may have been taken once is not refused because a later attempt was.
        const end = attempt.kind === 'ok' ? attempt : (doubt ?? attempt);
        this.complete(operation, end, attempts, silent);
        return;
      }
      await wait(PAUSE + this.random.integer(0, PAUSE));
    }
  }

  private async batch(operations: readonly Operation[]): Promise<void> {
    for (const operation of operations) this.invoke(operation);
    const attempts = await pushAll(this.ways.entrance(), operations);
    await Promise.all(
      operations.map(async (operation, i) => {
        const attempt = attempts[i] ?? { kind: 'failed', reason: 'no result for it' };
        if (attempt.kind === 'ok' || attempt.kind === 'failed' || !operation.repeats)
          this.complete(operation, attempt, 1, attempt.kind === 'unknown' && attempt.silent);
        else await this.again(operation, attempt);
      }),
    );
  }

  /** What a batch did not get through is repeated one by one. */
  private async again(operation: Operation, first: Attempt): Promise<void> {
    let before: Attempt | undefined = first;
    await this.repeating(operation, async () => {
      const attempt = before ?? (await push(this.ways.entrance(), operation));
      before = undefined;
      return attempt;
    });
  }

  private invoke({ op, channel, sender, seq, audience, from, ordered }: Operation): void {
    const whom = from === undefined ? {} : { from };
    this.history.add({
      kind: 'invoke',
      ...{ op, channel, sender, seq, audience, ...whom, ordered },
      deadline: DEADLINE,
    });
  }

  private complete({ op }: Operation, attempt: Attempt, attempts: number, silent = false): void {
    const common = { op, attempts, ...(silent && { silent }) };
    if (attempt.kind === 'ok') {
      this.accepted += 1;
      this.history.add({ kind: 'ok', ...common });
    } else {
      const kind = attempt.kind === 'unknown' ? 'info' : 'fail';
      this.history.add({ kind, ...common, reason: attempt.reason });
    }
  }
}
