import { GroupCommit } from '../../application/log/group-commit';
import { LogWriter, type NewEntry, type NewMessage } from '../../application/ports/message-log';
import type { Routing } from '../../application/ports/upstream';
import { Refusal } from '../../domain/errors';
import type { ConfirmingPublisher } from './confirming-publisher';
import type { Encoded, LogCodec } from './log-codec';
import { sizeOf } from './message-batch';
import type { Stream } from './topology';

/** Messages and bytes that share one entry at most; more bytes would take a second AMQP frame. */
const MAX_MESSAGES = 500;
const MAX_BYTES = 100 * 1024;
/** Entries on their way to the broker above which messages wait for each other. */
const EAGER = 2;
/** ms after which a stream's exchanges and bindings are declared again where nobody would tell that one is gone. */
const KEEP_EVERY = 15_000;
/** Messages that wait for their confirm at a time. */
const MAX_PENDING = 20_000;

interface Waiting {
  readonly entry: NewMessage;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * Appends by publishing to the exchange that the stream is bound to. Group commit: the messages of one tick,
 * and those that come while entries wait for their confirms, are logged as one entry and confirmed together.
 */
export class RabbitMqLogWriter extends LogWriter {
  private waiting: Waiting[] = [];
  private waitingBytes = 0;
  private pending = 0;
  private keptAt = -Infinity;
  private readonly group = new GroupCommit(EAGER, () => {
    this.commit();
  });

  constructor(
    private readonly publisher: ConfirmingPublisher,
    private readonly codec: LogCodec,
    private readonly stream: Stream,
  ) {
    super();
  }

  override get blocked(): boolean {
    return this.publisher.blocked;
  }

  override append(entry: NewEntry): Promise<void> {
    if (entry.kind !== 'message') {
      // What was appended before comes before it in the log.
      this.commit();
      if (entry.kind === 'probe' && this.stream.hasOtherWay) this.keepOtherWay();
      return this.publish(this.codec.encode(entry));
    }
    if (this.pending >= MAX_PENDING)
      return Promise.reject(new Refusal('OVERLOAD', 'too many messages wait for the broker'));
    this.pending += 1;
    const size = sizeOf(entry);
    if (this.waitingBytes + size > MAX_BYTES) this.commit();
    return new Promise((resolve, reject) => {
      this.waitingBytes += size;
      if (this.waiting.push({ entry, resolve, reject }) >= MAX_MESSAGES) this.commit();
      else this.group.schedule();
    });
  }

  /** With the probes, which a node writes as long as it lives. */
  private keepOtherWay(): void {
    const now = performance.now();
    if (now - this.keptAt < KEEP_EVERY) return;
    this.keptAt = now;
    this.publisher.declareQuietly();
  }

  private commit(): void {
    this.group.taken();
    const { waiting } = this;
    if (waiting.length === 0) return;
    this.waiting = [];
    this.waitingBytes = 0;
    this.group.began();
    this.publish(this.codec.encodeMessages(waiting.map(({ entry }) => entry)))
      .then(
        () => {
          for (const { resolve } of waiting) resolve();
        },
        (error: unknown) => {
          for (const { reject } of waiting) reject(error);
        },
      )
      .finally(() => {
        this.pending -= waiting.length;
        this.group.ended();
      });
  }

  private publish({ content, options }: Encoded): Promise<void> {
    const { exchange, key } = this.stream;
    return this.publisher.publish(exchange, key, content, options).then(this.refuseReturned);
  }

  private readonly refuseReturned = (routing: Routing): void => {
    if (routing === 'routed') return;
    this.publisher.declareAgain();
    throw new Refusal('UNAVAILABLE', 'the log is not bound to its exchange');
  };
}
