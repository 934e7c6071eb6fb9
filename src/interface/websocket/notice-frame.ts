import type { Identity } from '../../domain/connection/identity';
import type { DeliveredBody } from '../../protocol/unified-body';
import { textFrame } from './text-frame';

type Notice = Pick<DeliveredBody, 'businessType' | 'timestamp' | 'cursor' | 'messageId'> & {
  readonly content: object;
};

/** What the service itself has to say to a client without the subprotocol: a unified body of a reserved business type. */
export function noticeFrame({ uniqueId, clientType }: Identity, notice: Notice): Uint8Array {
  const { businessType, timestamp, content, cursor, messageId } = notice;
  const body = {
    sendType: 'UNICAST',
    messageType: 'SERVER_TO_CLIENT',
    businessType,
    toUniqueId: uniqueId,
    toClientType: clientType,
    timestamp,
    content,
    cursor,
    messageId,
  };
  return textFrame(JSON.stringify(body));
}
