import { Logger } from '@nestjs/common';

import { Claims } from '../../domain/log/claims';
import { Cursor } from '../../domain/log/cursor';
import type { HeldMessage } from '../../domain/log/held-message';
import type { ClaimsEntry, InvalidEntry, LogEntry, MessageEntry } from '../../domain/log/log-entry';
import { endOfEntry, formatCursor } from '../../protocol/cursor';
import type { DeliveredBody } from '../../protocol/unified-body';
import { Window, type WindowLimits } from '../../domain/log/window';
import { Partitions } from '../../domain/routing/partitions';
import { Delivery } from '../delivery/delivery';
import type { FrameEncoder } from '../ports/client-channel';
import type { Clock } from '../ports/clock';
import type { LogListener } from '../ports/message-log';
import type { Metrics } from '../ports/metrics';

/** Claims may take this part of what the window may, on top of it. */
const CLAIMS_PART = 1 / 4;
/** Invalid entries whose reason is logged; the rest of a flood is only counted. */
const INVALID_LOGGED_PER_MINUTE = 60;

/** Called with what a claim's or probe's entry decided, in the tick that read it, and when the log is another one; times in ms since epoch. */
export interface LogWatcher {
  claimRead?(key: string, claimant: string, won: boolean): void;
  probeRead?(id: string, time: number): void;
  reset?(): void;
}

/** Applies the log to this node: fills the window, decides claims, and hands messages to delivery. */
export class LogFollower implements LogListener {
  readonly window: Window;
  readonly claims: Claims;
  readonly delivery: Delivery;
  private readonly watchers: LogWatcher[] = [];
  private readonly logger = new Logger(LogFollower.name);
  private invalidLogged = 0;
  private invalidMinute = 0;

  constructor(
    private readonly limits: WindowLimits,
    maxBuffered: number,
    private readonly encoder: FrameEncoder,
    private readonly clock: Clock,
    private readonly metrics: Metrics,
    private readonly partitions = Partitions.NONE,
  ) {
    this.window = new Window(limits);
    this.claims = new Claims(limits.maxBytes * CLAIMS_PART);
    this.delivery = new Delivery(this.window, clock, metrics, maxBuffered);
  }

  /** Position of the last entry applied; undefined before the first. */
  get applied(): Cursor | undefined {
    return this.window.last;
  }

  watch(watcher: LogWatcher): void {
    this.watchers.push(watcher);
  }

  /** What clients get of a message that is in the window. */
  bodyOf({ frame }: HeldMessage): DeliveredBody {
    return JSON.parse(this.encoder.text(frame)) as DeliveredBody;
  }

  entry(entry: LogEntry): void {
    this.metrics.count('entriesRead');
    switch (entry.kind) {
      case 'message':
        this.message(entry);
        return;
      case 'claims':
        this.metrics.count('entriesInternal');
        this.window.skip(entry);
        this.decide(entry);
        return;
      case 'probe':
        this.metrics.count('entriesInternal');
        this.window.skip(entry);
        for (const watcher of this.watchers) watcher.probeRead?.(entry.id, entry.time);
        return;
      case 'revocation':
        // It has a log of its own.
        this.metrics.count('entriesInternal');
        this.window.skip(entry);
        return;
      case 'invalid':
        this.window.skip(entry);
        this.report(entry);
    }
  }

  lost(offset: number): void {
    const now = this.clock.now();
    this.claims.lose(offset, now);
    const last = this.applied;
    if (last === undefined) return;
    const to = new Cursor(endOfEntry(offset), 0);
    this.logger.warn(
      `the log has lost the entries after ${last.toString()} up to offset ${String(offset)}`,
    );
    this.delivery.hole({ from: last, to, reason: 'LOG_HOLE' });
    this.window.lose(to, now);
  }

  reset(): void {
    const from = this.applied ?? new Cursor(-1, 0);
    this.logger.error(`the log is another one: it was at ${from.toString()} and starts anew`);
    this.window.clear();
    this.claims.clear();
    for (const watcher of this.watchers) watcher.reset?.();
    this.delivery.restart({ from, to: new Cursor(-1, 0), reason: 'OTHER_LOG' });
  }

  /** Drops what is too old; called now and then, for a log that is silent. */
  trim(): void {
    const now = this.clock.now();
    this.window.trim(now);
    this.claims.forgetBefore(now - this.limits.maxAge);
  }

  private message(entry: MessageEntry): void {
    if (!this.partitions.concerns(entry.audience)) {
      // Published to all partitions by somebody who does not know of them.
      this.window.skip(entry);
      return;
    }
    const { id, sender, audience, expiresAt, offset, timestamp, time } = entry;
    const expired = expiresAt !== 0 && expiresAt < this.clock.now();
    const isNew = this.window.append({
      id,
      sender,
      audience,
      expiresAt,
      receipt: entry.receipt,
      late: expired,
      offset,
      timestamp,
      time,
      frame: this.encoder.encode(entry.body, endingOf(entry)),
    });
    if (!isNew) this.metrics.count('entriesDuplicate');
    else if (expired) this.metrics.count('entriesExpired');
    // What somebody else has logged carries no time of its own that could be relied on.
    else {
      const loggedAt = time === timestamp ? time : undefined;
      this.delivery.deliver(audience, loggedAt, entry.receipt ? offset : undefined);
    }
  }

  private decide(entry: ClaimsEntry): void {
    // A writer whose clock is ahead must not make others' claims stay with its own.
    const time = Math.min(entry.time, this.clock.now());
    for (const { key, claimant } of entry.claims) {
      const won = this.claims.enter(key, claimant, time, entry.offset);
      for (const watcher of this.watchers) watcher.claimRead?.(key, claimant, won);
    }
  }

  private report(entry: InvalidEntry): void {
    this.metrics.count('entriesInvalid');
    const minute = Math.floor(this.clock.now() / 60_000);
    if (minute !== this.invalidMinute) {
      this.invalidMinute = minute;
      this.invalidLogged = 0;
    }
    if (this.invalidLogged++ < INVALID_LOGGED_PER_MINUTE) {
      this.logger.warn(`log entry ${String(entry.offset)} skipped: ${entry.reason}`);
    }
  }
}

/** What the service adds to a body, which it ends. */
function endingOf({ stamp, offset, timestamp, id }: MessageEntry): readonly string[] {
  const cursor = formatCursor(offset, timestamp);
  return stamp === undefined
    ? [',"cursor":"', cursor, '","messageId":"', id, '"}']
    : [',"timestamp":', String(stamp), ',"cursor":"', cursor, '","messageId":"', id, '"}'];
}
