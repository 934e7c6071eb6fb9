import type { LogProbe } from '../../../src/application/log/log-probe';
import type {
  FoundMessage,
  FoundMessages,
  MessageQuery,
  Nodes,
} from '../../../src/application/ports/nodes';
import type { Receipts } from '../../../src/application/receipts/receipts';
import { TraceMessage } from '../../../src/application/receipts/trace-message';
import { ServiceReach } from '../../../src/domain/routing/service-reach';
import { aMessage } from '../../support/message.builder';
import { ReadingNode } from '../../support/reading-node';

const FOUND: FoundMessage = {
  cursor: '7-1000',
  isUnicast: true,
  loggedAt: 1000,
  expiresAt: 0,
  connections: 0,
};

/** A node with one client, among others whose answers the test gives. */
class Traced extends ReadingNode {
  readonly asked: boolean[] = [];
  /** What is read by the probe. */
  onProbe: () => void = () => undefined;
  readonly client = this.connect('u1', -1);
  private readonly trace: TraceMessage;

  constructor(answers: readonly FoundMessages[] = []) {
    super();
    const nodes = {
      trace: ({ forSure }: MessageQuery) => {
        this.asked.push(forSure);
        return Promise.resolve(answers[this.asked.length - 1]);
      },
    } as unknown as Nodes;
    const probe = {
      probe: () => {
        this.onProbe();
        return Promise.resolve();
      },
    } as LogProbe;
    const receipts = { of: () => undefined } as unknown as Receipts;
    this.trace = new TraceMessage(this.follower, probe, receipts, nodes, this.clock);
  }

  brings(messageId: string, over: Parameters<typeof aMessage>[0] = {}): number {
    return this.read(aMessage({ messageId, ...over }, undefined, this.clock.now())).offset;
  }

  ask(): ReturnType<TraceMessage['execute']> {
    return this.trace.execute('m1', undefined, new ServiceReach({}));
  }

  async connections(messageId: string, forSure = false): Promise<number | undefined> {
    return (await this.trace.look({ messageId, sender: undefined, forSure }))?.connections;
  }
}

describe('where a message got', () => {
  it('is asked once more, for sure, when nobody has it', async () => {
    const later = { ...FOUND, connections: 2 };
    const traced = new Traced([
      { messages: [], partial: false },
      { messages: [later], partial: false },
    ]);
    expect(await traced.ask()).toEqual({
      messageId: 'm1',
      stage: 'delivered',
      cursor: '7-1000',
      acceptedAt: 1000,
      connections: 2,
      partial: false,
    });
    expect(traced.asked).toEqual([false, true]);
  });

  it('is not known when all say so, and cannot be said when one does not answer', async () => {
    const none = (partial: boolean): FoundMessages => ({ messages: [], partial });
    await expect(new Traced([none(true), none(false)]).ask()).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
    await expect(new Traced([none(false), none(true)]).ask()).rejects.toMatchObject({
      code: 'UNKNOWN_OUTCOME',
      retryable: true,
    });
  });

  it('is what all nodes tell together', async () => {
    const acknowledged = { uniqueId: 'u1', clientType: 'H5', at: 5 };
    const messages = [
      { ...FOUND, connections: 2 },
      FOUND,
      { ...FOUND, connections: 1, acknowledged },
    ];
    const traced = new Traced([{ messages, partial: true }]);
    expect(await traced.ask()).toMatchObject({
      stage: 'acknowledged',
      acknowledged,
      connections: 3,
      partial: true,
    });
    expect(traced.asked).toEqual([false]);
  });

  it('is that of one message where partitions have others with the same id, and of all copies of one to many', async () => {
    const other = { ...FOUND, cursor: '9-2000', connections: 5 };
    const mine = { ...FOUND, connections: 1 };
    const unicast = new Traced([{ messages: [mine, other], partial: false }]);
    expect(await unicast.ask()).toMatchObject({ cursor: '7-1000', connections: 1 });
    const copies = [mine, other].map((one) => ({ ...one, isUnicast: false }));
    const many = new Traced([{ messages: copies, partial: false }]);
    expect(await many.ask()).toMatchObject({ connections: 6 });
  });

  it('is expired when its time is over and nobody was sent it', async () => {
    const expired = { ...FOUND, expiresAt: 1001 };
    const traced = new Traced([{ messages: [expired], partial: false }]);
    expect(await traced.ask()).toMatchObject({ stage: 'expired', expiresAt: 1001 });
    const sent = { ...expired, connections: 1 };
    const delivered = new Traced([{ messages: [sent], partial: false }]);
    expect(await delivered.ask()).toMatchObject({ stage: 'delivered' });
  });

  it('is known to a node for sure when it has read what was confirmed', async () => {
    const traced = new Traced();
    traced.onProbe = () => traced.brings('m1');
    expect(await traced.connections('m1')).toBeUndefined();
    expect(await traced.connections('m1', true)).toBe(1);
  });

  it('counts no connection that began later, lags, or came when the message had expired', async () => {
    const traced = new Traced();
    const soon = (): object => ({ timestamp: traced.clock.now(), ttl: 500 });
    traced.brings('expired', { timestamp: traced.clock.now() - 1000, ttl: 500 });
    expect(await traced.connections('expired')).toBe(0);
    traced.brings('in-time', soon());
    expect(await traced.connections('in-time')).toBe(1);
    traced.clock.advance(1000);
    expect(await traced.connections('in-time')).toBe(1);
    traced.buffered = 10_000;
    traced.brings('fills-the-socket');
    traced.brings('waits');
    expect(await traced.connections('fills-the-socket')).toBe(1);
    expect(await traced.connections('waits')).toBe(0);
    traced.buffered = 0;
    traced.follower.delivery.resume(traced.client);
    expect(await traced.connections('waits')).toBe(1);
    // It may have expired while the connection was behind.
    expect(await traced.connections('in-time')).toBe(0);
  });

  it('counts a connection that was renewed since, as the same user', async () => {
    const traced = new Traced();
    const offset = traced.brings('m1');
    const { delivery } = traced.follower;
    delivery.resubscribe(traced.client, { ...traced.client.subscription }, offset);
    expect(await traced.connections('m1')).toBe(1);
    const other = { ...traced.client.subscription, uniqueId: 'u2' };
    delivery.resubscribe(traced.client, other, offset);
    expect(await traced.connections('m1')).toBe(0);
  });
});
