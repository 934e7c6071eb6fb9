import type { Delivery } from '../../application/delivery/delivery';
import type { Clock } from '../../application/ports/clock';
import type { Metrics } from '../../application/ports/metrics';
import type { Receipts } from '../../application/receipts/receipts';
import type { AdmitClient } from '../../application/session/admit-client';
import type { AcceptClientMessage } from '../../application/upstream/accept-client-message';
import type { Window } from '../../domain/log/window';
import type { BodyValidator } from '../body-validator';
import type { WebSocketSettings } from './websocket-settings';

/** What every session of a node shares. */
export abstract class SessionContext {
  abstract readonly settings: WebSocketSettings;
  abstract readonly delivery: Delivery;
  abstract readonly window: Window;
  abstract readonly receipts: Receipts;
  abstract readonly admit: AdmitClient;
  abstract readonly accept: AcceptClientMessage;
  abstract readonly validator: BodyValidator;
  abstract readonly clock: Clock;
  abstract readonly metrics: Metrics;
  /** How far back from `now`, in ms, the ids of messages are known. */
  abstract memory(now: number): number;
}
