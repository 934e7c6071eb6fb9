import type { WelcomeFrame } from '../../protocol/frames';
import { LIMITS } from '../../protocol/unified-body';
import type { WebSocketSettings } from './websocket-settings';

/** What a client has to keep to; `memory` is how far back, in ms, the ids of messages are known. */
export function limitsOf(
  { maxPayload, repeatWithin }: WebSocketSettings,
  memory: number,
): WelcomeFrame['limits'] {
  return {
    maxPayload,
    maxDepth: LIMITS.depth,
    repeatWithin: Math.min(repeatWithin, Math.floor(memory / 2)),
  };
}

/**
 * The frame as JSON. Written out, since every connection gets one, and `JSON.stringify` takes more than twice as long,
 * most of it for the token. What is not escaped is of our own making: ids, cursors and tokens.
 */
export function welcomeText(frame: WelcomeFrame): string {
  const { connectionId, cursor, resumed, heartbeat, limits, reconnectToken, sessionEnds } = frame;
  const uniqueId = JSON.stringify(frame.uniqueId);
  const clientType = JSON.stringify(frame.clientType);
  return (
    `{"op":"welcome","connectionId":"${connectionId}","uniqueId":${uniqueId},"clientType":${clientType}` +
    `,"cursor":"${cursor}","resumed":${String(resumed)},"heartbeat":${String(heartbeat)}` +
    `,"limits":{"maxPayload":${String(limits.maxPayload)},"maxDepth":${String(limits.maxDepth)}` +
    `,"repeatWithin":${String(limits.repeatWithin)}},"reconnectToken":"${reconnectToken}"` +
    `,"sessionEnds":${String(sessionEnds)}}`
  );
}
