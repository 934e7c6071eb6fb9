import type { Cursor } from '../../domain/log/cursor';
import type { Partitions } from '../../domain/routing/partitions';
import { Refusal } from '../../domain/errors';
import type { Clock } from '../ports/clock';
import type { LogEnds } from '../ports/message-log';
import type { LogFollower } from './log-follower';

/** ms for which a position of another partition is good enough. */
const FRESH = 250;

interface Known {
  readonly since: number;
  readonly position: Promise<Cursor>;
}

/** Where the log stands, in the partition that this node reads and in the others. */
export class LogPositions {
  private readonly known = new Map<number, Known>();

  constructor(
    private readonly follower: LogFollower,
    private readonly partitions: Partitions,
    private readonly clock: Clock,
    /** Undefined when the log has no partitions. */
    private readonly ends: LogEnds | undefined,
  ) {}

  /**
   * A position that everything logged from now on comes after. That of another partition is a moment old, so
   * that somebody who starts there may get what was logged in that moment as well, but misses nothing.
   * Rejects with UNAVAILABLE while none is known.
   */
  async of(partition: number): Promise<Cursor> {
    if (this.ends !== undefined && partition !== this.partitions.own)
      return this.elsewhere(partition, this.ends);
    const { applied } = this.follower;
    if (applied === undefined)
      throw new Refusal('UNAVAILABLE', 'this node is still reading the log');
    return applied;
  }

  private elsewhere(partition: number, ends: LogEnds): Promise<Cursor> {
    const now = this.clock.elapsed();
    const known = this.known.get(partition);
    if (known !== undefined && now - known.since < FRESH) return known.position;
    const position = ends.newest(partition);
    this.known.set(partition, { since: now, position });
    position.catch(() => {
      if (this.known.get(partition)?.position === position) this.known.delete(partition);
    });
    return position;
  }
}
