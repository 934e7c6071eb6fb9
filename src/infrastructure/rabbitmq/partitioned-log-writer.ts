import { LogWriter, type NewEntry } from '../../application/ports/message-log';
import { Refusal } from '../../domain/errors';
import type { Partitions } from '../../domain/routing/partitions';

/**
 * Appends to the partition that has the recipient's messages, or a copy to each when there are many recipients. What
 * a node says to the others of its partition (claims, probes) stays in its own. Within each partition messages are in
 * the order in which they were appended.
 */
export class PartitionedLogWriter extends LogWriter {
  /** One writer for each partition, in order. */
  constructor(
    private readonly writers: readonly LogWriter[],
    private readonly partitions: Partitions,
  ) {
    super();
  }

  override get blocked(): boolean {
    return this.writers.some(({ blocked }) => blocked);
  }

  override append(entry: NewEntry): Promise<void> {
    const { own } = this.partitions;
    const partition =
      entry.kind === 'message' ? this.partitions.ofAudience(entry.message.audience) : own;
    const writer = partition === undefined ? undefined : this.writers[partition];
    return writer === undefined ? this.appendToEach(entry) : writer.append(entry);
  }

  /** Where some partitions took it and others did not, the whole is to be repeated: those that have it take it once. */
  private async appendToEach(entry: NewEntry): Promise<void> {
    const results = await Promise.allSettled(this.writers.map((writer) => writer.append(entry)));
    const failures = results.filter((result) => result.status === 'rejected');
    const [first] = failures;
    if (first === undefined) return;
    const isNowhere = failures.length === results.length && failures.every(wroteNothing);
    throw isNowhere
      ? first.reason
      : new Refusal('UNKNOWN_OUTCOME', 'not every partition of the log has taken it');
  }
}

function wroteNothing({ reason }: PromiseRejectedResult): boolean {
  return reason instanceof Refusal && reason.code !== 'UNKNOWN_OUTCOME';
}
