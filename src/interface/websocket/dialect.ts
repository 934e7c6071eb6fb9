import type { Clock } from '../../application/ports/clock';
import type { Identity } from '../../domain/connection/identity';
import type { Refusal } from '../../domain/errors';
import type { Gap } from '../../domain/log/window';
import type { CloseCode } from '../../protocol/close-codes';
import type { GapFrame, RejectedFrame, ServerFrame, WelcomeFrame } from '../../protocol/frames';
import { textFrame } from './text-frame';
import { welcomeText } from './welcome-text';

/** In which words a client is told of its connection and of its messages; undefined for what it is not told. */
export interface Dialect {
  /** True when the client can say what it has handled. */
  readonly acknowledges: boolean;
  /** `frame` is called only where it is told. */
  welcome(frame: () => WelcomeFrame): Uint8Array | undefined;
  accepted(messageId: string): Uint8Array | undefined;
  /** Tells the client `to`, which has come to `cursor`, that its message was refused; the latter is called only where it is told. */
  rejected(
    refusal: Refusal,
    messageId: string | undefined,
    to: Identity,
    cursor: () => string,
  ): Uint8Array;
  gap(gap: Gap, to: Identity): Uint8Array;
  pong(cursor: string): Uint8Array | undefined;
  /** `retryAfter` in ms. */
  bye(code: CloseCode, reason: string, retryAfter: number): Uint8Array | undefined;
}

/** Control frames, for clients that speak `wirepost.v1`. */
export const CONTROL_FRAMES: Dialect = {
  acknowledges: true,
  welcome: (frame) => textFrame(welcomeText(frame())),
  // Written out, since there is one for each message: an id needs no escaping, see MESSAGE_ID.
  accepted: (messageId) => textFrame(`{"op":"accepted","messageId":"${messageId}"}`),
  rejected: (refusal, messageId) => control({ op: 'rejected', ...answer(refusal, messageId) }),
  gap: (gap) => control({ op: 'gap', ...missing(gap) }),
  pong: (cursor) => control({ op: 'pong', cursor }),
  bye: (code, reason, retryAfter) => control({ op: 'bye', code, reason, retryAfter }),
};

/** Nothing but unified bodies, which any page can read: of a reserved business type for what such a client must not miss. */
export class PlainBodies implements Dialect {
  readonly acknowledges = false;

  constructor(private readonly clock: Clock) {}

  welcome(): undefined {
    return undefined;
  }

  accepted(): undefined {
    return undefined;
  }

  rejected(
    refusal: Refusal,
    messageId: string | undefined,
    to: Identity,
    cursor: () => string,
  ): Uint8Array {
    const { field } = refusal;
    const content = { ...answer(refusal, messageId), ...(field !== undefined && { field }) };
    return this.notice('wirepost.rejected', content, to, cursor());
  }

  gap(gap: Gap, to: Identity): Uint8Array {
    // Not the position of now: who comes back with this cursor goes on where the gap ends.
    return this.notice('wirepost.gap', missing(gap), to, gap.to.toString());
  }

  pong(): undefined {
    return undefined;
  }

  bye(): undefined {
    return undefined;
  }

  private notice(
    businessType: string,
    content: object,
    { uniqueId, clientType }: Identity,
    cursor: string,
  ): Uint8Array {
    const body = {
      sendType: 'UNICAST',
      messageType: 'SERVER_TO_CLIENT',
      businessType,
      toUniqueId: uniqueId,
      toClientType: clientType,
      timestamp: this.clock.now(),
      content,
      cursor,
      messageId: this.clock.newId(),
    };
    return textFrame(JSON.stringify(body));
  }
}

function control(frame: ServerFrame): Uint8Array {
  return textFrame(JSON.stringify(frame));
}

function answer(
  { code, message, retryable }: Refusal,
  messageId: string | undefined,
): Omit<RejectedFrame, 'op'> {
  return { ...(messageId !== undefined && { messageId }), code, message, retryable };
}

function missing({ from, to, reason }: Gap): Omit<GapFrame, 'op'> {
  return { from: from.toString(), to: to.toString(), reason };
}
