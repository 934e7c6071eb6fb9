import type { ErrorCode } from './codes';

/** The subprotocol under which control frames are exchanged. */
export const SUBPROTOCOL = 'wirepost.v1';

/** First frame of a connection, and the answer to each `renew` that is not refused. */
export interface WelcomeFrame {
  readonly op: 'welcome';
  readonly connectionId: string;
  readonly uniqueId: string;
  readonly clientType: string;
  /** Deliveries continue after this position. */
  readonly cursor: string;
  readonly resumed: boolean;
  /**
   * Milliseconds between heartbeats. An idle client is pinged every second time; to find a dead line itself it sends `ping`
   * once a heartbeat and expects something before the next.
   */
  readonly heartbeat: number;
  readonly limits: {
    readonly maxPayload: number;
    readonly maxDepth: number;
    /** Milliseconds within which a messageId that was sent before is recognised. */
    readonly repeatWithin: number;
  };
  /** For reconnecting at any node, until the session is over. */
  readonly reconnectToken: string;
  /** Milliseconds since epoch at which the session ends unless it is renewed. */
  readonly sessionEnds: number;
}

export interface AcceptedFrame {
  readonly op: 'accepted';
  readonly messageId: string;
}

export interface RejectedFrame {
  readonly op: 'rejected';
  /** Absent when the frame could not be read as far as its id. */
  readonly messageId?: string;
  readonly code: ErrorCode;
  readonly message: string;
  readonly retryable: boolean;
}

/** Why messages are missing. */
export const GAP_REASONS = ['WINDOW_PASSED', 'OTHER_LOG', 'LOG_HOLE'] as const;
export type GapReason = (typeof GAP_REASONS)[number];

/** Messages after `from` up to and including `to` are not available here; the page reloads its state. */
export interface GapFrame {
  readonly op: 'gap';
  readonly from: string;
  readonly to: string;
  readonly reason: GapReason;
}

export interface PongFrame {
  readonly op: 'pong';
  readonly cursor: string;
}

/** Sent just before a close. */
export interface ByeFrame {
  readonly op: 'bye';
  readonly code: number;
  readonly reason: string;
  /** Milliseconds to wait before the next attempt; each client gets its own, so that they spread. */
  readonly retryAfter: number;
}

export type ServerFrame =
  WelcomeFrame | AcceptedFrame | RejectedFrame | GapFrame | PongFrame | ByeFrame;

/** Cumulative: everything up to the cursor was handled by the application. */
export interface AckFrame {
  readonly op: 'ack';
  readonly cursor: string;
}

export interface PingFrame {
  readonly op: 'ping';
}

/** A new token on the open socket: a longer life, or another identity. */
export interface RenewFrame {
  readonly op: 'renew';
  readonly token: string;
}

export type ClientFrame = AckFrame | PingFrame | RenewFrame;
