import { Subscriber } from '../../src/application/delivery/subscriber';
import { LogFollower } from '../../src/application/log/log-follower';
import { Cursor } from '../../src/domain/log/cursor';
import type { Message } from '../../src/domain/message/message';
import { Partitions } from '../../src/domain/routing/partitions';
import { BARE_FRAMES } from './bare-frames';
import { FakeClock } from './fake-clock';
import { RecordingMetrics } from './recording-metrics';

/** What a node has behind its log, which the test writes; its clients' sockets hold as much as the test says. */
export class ReadingNode {
  readonly clock = new FakeClock();
  readonly metrics = new RecordingMetrics();
  readonly follower: LogFollower;
  /** Bytes in each socket. */
  buffered = 0;
  private next = 0;

  constructor(partitions = Partitions.NONE) {
    const limits = { maxAge: 60_000, maxBytes: 1e8 };
    const { clock, metrics } = this;
    this.follower = new LogFollower(limits, 1000, BARE_FRAMES, clock, metrics, partitions);
  }

  /** `began`: where its session began, on a connection before. */
  connect(uniqueId: string, position: number, began = position): Subscriber {
    const labels = { tags: new Set<string>(), businesses: new Set<string>() };
    const channel = { write: () => undefined, buffered: 0 };
    Object.defineProperty(channel, 'buffered', { get: () => this.buffered });
    const receiver = { channel, acknowledges: true, gapFrame: () => new Uint8Array(1) };
    const subscription = { uniqueId, clientType: 'H5', ...labels };
    const subscriber = new Subscriber(subscription, receiver, position);
    subscriber.inheritWishes(began, position);
    this.follower.delivery.attach(subscriber);
    return subscriber;
  }

  /** The log brings a message; returns its position. */
  read({ id, sender, audience, expiresAt, receipt, body }: Message): Cursor {
    const time = this.clock.now();
    const position = { offset: this.next++, timestamp: time, time };
    const message = { id, sender, audience, expiresAt, receipt };
    const bytes = Buffer.from(JSON.stringify(body));
    this.follower.entry({ kind: 'message', ...message, body: bytes, ...position });
    this.follower.delivery.flush();
    return new Cursor(position.offset, time);
  }

  /** The log is made anew. */
  restart(): void {
    this.follower.reset();
    this.next = 0;
  }
}
