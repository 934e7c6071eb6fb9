import type { LogReader } from '../ports/message-log';
import type { LogClaims } from './log-claims';
import type { LogFollower } from './log-follower';
import type { LogProbe } from './log-probe';

/** A log and everything by which this node follows it. */
export class FollowedLog {
  constructor(
    private readonly reader: LogReader,
    private readonly follower: LogFollower,
    readonly claims: LogClaims,
    readonly probe: LogProbe,
  ) {}

  /** Starts to read what is at most `maxAge` ms old; resolves when the reader is set up. */
  async start(maxAge: number): Promise<void> {
    await this.reader.start(maxAge, this.follower);
    this.probe.beat();
  }

  /** Looks after everything that waits for a deadline; called once a second. */
  beat(): void {
    this.claims.sweep();
    this.probe.beat();
    this.follower.trim();
  }

  stop(): Promise<void> {
    return this.reader.stop();
  }
}

/** The log in which the claims of handlers are ordered; that of the messages itself unless it has partitions. */
export abstract class HandlerLog extends FollowedLog {}
