import { Logger } from '@nestjs/common';

import type { Clock } from '../../application/ports/clock';
import {
  type LogListener,
  LogReader,
  LogWriter,
  type NewEntry,
} from '../../application/ports/message-log';
import type { LogEntry } from '../../domain/log/log-entry';

/** Bytes that an entry is counted with beside its body. */
const ENTRY_BYTES = 200;

interface Held {
  readonly entry: LogEntry;
  readonly bytes: number;
}

/** The log in memory: append is confirmed in a later turn of the event loop, as a broker's would be. */
export class EmbeddedLog extends LogWriter {
  override readonly blocked = false;
  private held: Held[] = [];
  private bytes = 0;
  private next = 0;
  private arrived: (() => void)[] = [];
  private readonly readers = new Set<EmbeddedLogReader>();

  constructor(
    private readonly clock: Clock,
    private readonly maxBytes: number,
  ) {
    super();
  }

  override append(entry: NewEntry): Promise<void> {
    return new Promise((resolve) => {
      this.hold(this.number(entry));
      if (this.arrived.push(resolve) === 1) {
        setImmediate(() => {
          this.settle();
        });
      }
    });
  }

  /** The oldest entry held at or after an offset. */
  from(offset: number): LogEntry | undefined {
    const first = this.held[0]?.entry.offset ?? 0;
    return this.held[Math.max(0, offset - first)]?.entry;
  }

  /** Offset of the first entry logged at or after `time` (ms since epoch). */
  since(time: number): number {
    return this.held.find(({ entry }) => entry.time >= time)?.entry.offset ?? this.next;
  }

  attach(reader: EmbeddedLogReader): void {
    this.readers.add(reader);
  }

  detach(reader: EmbeddedLogReader): void {
    this.readers.delete(reader);
  }

  private number(entry: NewEntry): LogEntry {
    const time = this.clock.now();
    const position = { offset: this.next++, timestamp: time, time };
    if (entry.kind !== 'message') return { ...entry, ...position };
    const { message, body } = entry;
    const { id, sender, audience, expiresAt, receipt } = message;
    return { kind: 'message', id, sender, audience, expiresAt, receipt, body, ...position };
  }

  private hold(entry: LogEntry): void {
    const bytes = ENTRY_BYTES + (entry.kind === 'message' ? entry.body.length : 0);
    this.held.push({ entry, bytes });
    this.bytes += bytes;
    if (this.bytes > this.maxBytes) this.drop();
  }

  /** Makes room, a tenth more than needed since moving the rest costs; what a reader has not read stays. */
  private drop(): void {
    const target = this.maxBytes * 0.9;
    const unread = Math.min(...[...this.readers].map((reader) => reader.position), this.next - 1);
    let count = 0;
    for (const { entry, bytes } of this.held) {
      if (this.bytes <= target || entry.offset >= unread) break;
      this.bytes -= bytes;
      count += 1;
    }
    this.held.splice(0, count);
  }

  private settle(): void {
    const resolved = this.arrived;
    this.arrived = [];
    for (const resolve of resolved) resolve();
    for (const reader of this.readers) reader.read();
  }
}

/** Reads the embedded log from a position of its own. */
export class EmbeddedLogReader extends LogReader {
  private readonly logger = new Logger(EmbeddedLogReader.name);
  private listener: LogListener | undefined;
  private next = 0;

  constructor(
    private readonly log: EmbeddedLog,
    private readonly clock: Clock,
  ) {
    super();
  }

  override start(maxAge: number, listener: LogListener): Promise<void> {
    this.listener = listener;
    this.next = this.log.since(this.clock.now() - maxAge);
    this.log.attach(this);
    setImmediate(() => {
      this.read();
    });
    return Promise.resolve();
  }

  /** Offset of the next entry to read. */
  get position(): number {
    return this.next;
  }

  override isAtEnd(): Promise<boolean> {
    return Promise.resolve(this.log.from(this.next) === undefined);
  }

  override restart(): void {
    this.read();
  }

  override stop(): Promise<void> {
    this.log.detach(this);
    this.listener = undefined;
    return Promise.resolve();
  }

  /** Reads to the end. */
  read(): void {
    for (;;) {
      const entry = this.listener === undefined ? undefined : this.log.from(this.next);
      if (entry === undefined) return;
      this.next = entry.offset + 1;
      try {
        this.listener?.entry(entry);
      } catch (error) {
        this.logger.error(error);
      }
    }
  }
}
