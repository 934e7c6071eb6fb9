import { Logger } from '@nestjs/common';

import type { LogFollower } from '../log/log-follower';
import type { Clock } from '../ports/clock';

/** ms that two clocks may differ by without a word; less than tokens and ends of sessions can tell. */
const TOLERATED = 5000;
/** ms for which what was seen counts: each node writes a probe every 5 s. */
const MEMORY = 15_000;

/**
 * Tells when another node's clock is ahead of this one's, by the probes that it reads: nothing is logged in the future. A clock
 * that is ahead of all others is seen by all others.
 */
export class ClockWatch {
  private readonly logger = new Logger(ClockWatch.name);
  private furthest = 0;
  private seenAt = -Infinity;
  private isTold = false;

  constructor(
    follower: LogFollower,
    private readonly clock: Clock,
  ) {
    follower.watch({
      probeRead: (_, time) => {
        this.look(time - clock.now());
      },
    });
  }

  /** ms by which this node's clock was behind another's a moment ago, less the probe's way; 0 when it was behind none. */
  get behind(): number {
    return this.isFresh ? this.furthest : 0;
  }

  private look(ahead: number): void {
    if (this.isFresh && ahead < this.furthest) return;
    this.furthest = Math.max(0, ahead);
    this.seenAt = this.clock.elapsed();
    const isWrong = this.furthest > TOLERATED;
    if (isWrong && !this.isTold)
      this.logger.error(
        `the clock of this node is ${String(Math.round(ahead / 1000))} s behind that of another node: one of them is wrong`,
      );
    this.isTold = isWrong;
  }

  private get isFresh(): boolean {
    return this.clock.elapsed() - this.seenAt < MEMORY;
  }
}
