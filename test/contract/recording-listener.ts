import type { LogListener } from '../../src/application/ports/message-log';
import type { ClaimsEntry, LogEntry, MessageEntry } from '../../src/domain/log/log-entry';

/** Keeps what a reader tells it. */
export class RecordingListener implements LogListener {
  readonly entries: LogEntry[] = [];
  resets = 0;
  /** Offsets up to which entries were told lost. */
  readonly losses: number[] = [];

  entry(entry: LogEntry): void {
    this.entries.push(entry);
  }

  lost(offset: number): void {
    this.losses.push(offset);
  }

  /** Entries of the log that is gone are forgotten, as the port demands. */
  reset(): void {
    this.resets += 1;
    this.entries.length = 0;
  }

  get offsets(): number[] {
    return this.entries.map(({ offset }) => offset);
  }

  get messages(): MessageEntry[] {
    return this.entries.filter((entry) => entry.kind === 'message');
  }

  get ids(): string[] {
    return this.messages.map(({ id }) => id);
  }

  get claims(): ClaimsEntry[] {
    return this.entries.filter((entry) => entry.kind === 'claims');
  }

  get probes(): string[] {
    return this.entries.filter((entry) => entry.kind === 'probe').map(({ id }) => id);
  }

  /** The message with an id; fails the test when there is none. */
  message(id: string): MessageEntry {
    const found = this.messages.find((entry) => entry.id === id);
    if (found === undefined) throw new Error(`no message ${id} was read`);
    return found;
  }

  /** True when every entry follows the one before, and so do the messages within one. */
  get isContiguous(): boolean {
    // Asked for once: the getter makes a list of all, and there may be 100 000.
    const { offsets } = this;
    return offsets.every((offset, i) => {
      const previous = offsets[i - 1];
      if (previous === undefined) return true;
      const entry = Math.floor(previous);
      return offset === entry + 1 || offset === (Math.round(previous * 1000) + 1) / 1000;
    });
  }
}

/** An entry's body as JSON. */
export function jsonOf({ body }: MessageEntry): unknown {
  return JSON.parse(Buffer.from(body).toString());
}
