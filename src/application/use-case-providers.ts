import type { Provider } from '@nestjs/common';

import { Partitions } from '../domain/routing/partitions';
import { HandlerRegistry } from './handlers/handler-registry';
import { HandlerRunner } from './handlers/handler-runner';
import { HandlerLog } from './log/followed-log';
import { LogClaims } from './log/log-claims';
import { LogFollower } from './log/log-follower';
import { LogPositions } from './log/log-positions';
import { LogProbe } from './log/log-probe';
import { Clock } from './ports/clock';
import { LogWriter, RevocationLog } from './ports/message-log';
import { Metrics } from './ports/metrics';
import { Nodes } from './ports/nodes';
import { TokenService } from './ports/token-service';
import { HandlerQueues, UpstreamPublisher } from './ports/upstream';
import { provide } from './provide';
import { PushMessage } from './push/push-message';
import { Receipts } from './receipts/receipts';
import { TraceMessage } from './receipts/trace-message';
import { AdmitClient } from './session/admit-client';
import { EndedSessions } from './session/ended-sessions';
import { IssueToken } from './session/issue-token';
import { AcceptClientMessage } from './upstream/accept-client-message';

/** Durations in ms, sizes in bytes. */
export interface UseCaseSettings {
  readonly tokens: { readonly tokenTtl: number; readonly sessionTtl: number };
  /** Delays of redelivery, growing. */
  readonly retryDelays: readonly number[];
  /** Of one body. */
  readonly maxBytes: number;
}

/** What a node can be asked to do. */
export function useCaseProviders({ tokens, retryDelays, maxBytes }: UseCaseSettings): Provider[] {
  return [
    provide(HandlerRegistry, [], () => new HandlerRegistry()),
    provide(
      HandlerRunner,
      [HandlerRegistry, HandlerQueues, LogWriter, LogFollower, HandlerLog, Clock, Metrics],
      (registry, queues, log, follower, { claims }, clock, metrics) =>
        new HandlerRunner(registry, queues, log, follower, claims, clock, metrics, {
          retryDelays,
          maxBytes,
        }),
    ),
    provide(
      PushMessage,
      [LogWriter, Clock, Metrics],
      (log, clock, metrics) => new PushMessage(log, clock, metrics, maxBytes),
    ),
    provide(
      AcceptClientMessage,
      [LogWriter, UpstreamPublisher, HandlerRegistry, HandlerQueues, Clock],
      (...parts) => new AcceptClientMessage(...parts, maxBytes),
    ),
    provide(
      IssueToken,
      [TokenService, LogPositions, Partitions, EndedSessions, Clock],
      (service, positions, partitions, ended, clock) =>
        new IssueToken(service, positions, partitions, ended, clock, tokens),
    ),
    provide(
      AdmitClient,
      [TokenService, LogClaims, LogProbe, Partitions, EndedSessions, Clock],
      (service, claims, probe, partitions, ended, clock) =>
        new AdmitClient(service, claims, probe, partitions, ended, clock),
    ),
    provide(
      Receipts,
      [LogFollower, LogWriter, UpstreamPublisher, Partitions, Clock, Metrics],
      (...parts) => new Receipts(...parts),
    ),
    provide(
      TraceMessage,
      [LogFollower, LogProbe, Receipts, Nodes, Clock],
      (...parts) => new TraceMessage(...parts),
    ),
    provide(EndedSessions, [RevocationLog, Clock], (log, clock) => new EndedSessions(log, clock)),
  ];
}
