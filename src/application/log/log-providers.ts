import type { Provider } from '@nestjs/common';

import type { WindowLimits } from '../../domain/log/window';
import { Partitions } from '../../domain/routing/partitions';
import { FrameEncoder } from '../ports/client-channel';
import { Clock } from '../ports/clock';
import { ClaimsLog, LogEnds, LogReader, LogWriter } from '../ports/message-log';
import { Metrics } from '../ports/metrics';
import { provide } from '../provide';
import { FollowedLog, HandlerLog } from './followed-log';
import { LogClaims } from './log-claims';
import { LogFollower } from './log-follower';
import { LogPositions } from './log-positions';
import { LogProbe } from './log-probe';

/** ms that a claim or probe waits for its entry to come back. */
const TIMEOUT = 5000;

export interface LogSettings {
  readonly window: WindowLimits;
  /** Bytes that a socket may hold before its client lags. */
  readonly maxBuffered: number;
  readonly partitions: Partitions;
}

/** Everything by which a node follows the log. */
export function logProviders({ window, maxBuffered, partitions }: LogSettings): Provider[] {
  return [
    { provide: Partitions, useValue: partitions },
    provide(
      LogFollower,
      [FrameEncoder, Clock, Metrics],
      (encoder, clock, metrics) =>
        new LogFollower(window, maxBuffered, encoder, clock, metrics, partitions),
    ),
    provide(FollowedLog, [LogWriter, LogReader, LogFollower, Clock], follow),
    provide(LogClaims, [FollowedLog], ({ claims }) => claims),
    provide(LogProbe, [FollowedLog], ({ probe }) => probe),
    ...(partitions.count === 1 ? ofOne(partitions) : ofSeveral(partitions, window)),
  ];
}

function follow(
  writer: LogWriter,
  reader: LogReader,
  follower: LogFollower,
  clock: Clock,
): FollowedLog {
  const claims = new LogClaims(writer, follower, clock, TIMEOUT);
  const probe = new LogProbe(writer, reader, follower, clock, TIMEOUT);
  return new FollowedLog(reader, follower, claims, probe);
}

function ofOne(partitions: Partitions): Provider[] {
  return [
    { provide: HandlerLog, useExisting: FollowedLog },
    provide(
      LogPositions,
      [LogFollower, Clock],
      (follower, clock) => new LogPositions(follower, partitions, clock, undefined),
    ),
  ];
}

/** The claims of handlers are in a log of their own, which is followed for nothing else. */
function ofSeveral(partitions: Partitions, window: WindowLimits): Provider[] {
  return [
    provide(
      HandlerLog,
      [ClaimsLog, FrameEncoder, Clock, Metrics],
      ({ writer, reader }, encoder, clock, metrics) =>
        follow(writer, reader, new LogFollower(window, 0, encoder, clock, metrics), clock),
    ),
    provide(
      LogPositions,
      [LogFollower, Clock, LogEnds],
      (follower, clock, ends) => new LogPositions(follower, partitions, clock, ends),
    ),
  ];
}
