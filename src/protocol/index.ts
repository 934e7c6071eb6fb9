export { CloseCode, shouldReconnect } from './close-codes';
export { ERRORS, errorRow } from './codes';
export { formatCursor, parseCursor } from './cursor';
export { SUBPROTOCOL } from './frames';
export {
  BUSINESS_TYPE,
  FIELDS,
  LIMITS,
  MESSAGE_ID,
  MESSAGE_TYPES,
  RECEIPT,
  RESERVED_PREFIX,
  SEND_TYPES,
} from './unified-body';

export type { ErrorCode } from './codes';
export type { CursorParts } from './cursor';
export type {
  AcceptedFrame,
  AckFrame,
  ByeFrame,
  ClientFrame,
  GapFrame,
  GapReason,
  PingFrame,
  PongFrame,
  RejectedFrame,
  RenewFrame,
  ServerFrame,
  WelcomeFrame,
} from './frames';
export type { DeliveredBody, Json, MessageType, SendType, UnifiedBody } from './unified-body';
