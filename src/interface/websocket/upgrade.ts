import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';

import { Logger } from '@nestjs/common';

import type { Delivery } from '../../application/delivery/delivery';
import type { LogProbe } from '../../application/log/log-probe';
import type { Metrics } from '../../application/ports/metrics';
import type { VerifiedToken } from '../../application/ports/token-service';
import type { EndedSessions } from '../../application/session/ended-sessions';
import type { Admission, AdmitClient } from '../../application/session/admit-client';
import type { Identity } from '../../domain/connection/identity';
import { Refusal } from '../../domain/errors';
import { CloseCode } from '../../protocol/close-codes';
import { type ErrorCode, errorRow } from '../../protocol/codes';
import type { AddressLimits } from './address-limits';
import { checkHandshake } from './handshake';
import type { WebSocketSettings } from './websocket-settings';

/** What an upgrade request leads to. */
export type Verdict =
  /** Answered with an HTTP status; no 101. */
  | { readonly kind: 'refuse'; readonly refusal: Refusal }
  /** Accepted only to be closed, since a page cannot read the status of a failed handshake. */
  | { readonly kind: 'close'; readonly code: CloseCode; readonly reason: string }
  | { readonly kind: 'open'; readonly admission: Admission };

/** What the page has to read: of a token that was good, and is not, or not here. */
const REASONS: Partial<Record<ErrorCode, string>> = {
  OTHER_PARTITION: 'token of another partition',
  TOKEN_EXPIRED: 'token expired',
  TOKEN_USED: 'token used',
  SESSION_ENDED: 'session ended',
  SESSION_REPLACED: 'session replaced',
};

const TOO_MANY: Verdict = { kind: 'refuse', refusal: new Refusal('TOO_MANY') };
const RESTARTING: Verdict = { kind: 'close', code: CloseCode.RESTART, reason: 'restarting' };
/** A token is base64url in three parts (RFC 7515); longer ones are not worth the work. */
const TOKEN = /^[A-Za-z0-9_-]{1,8000}\.[A-Za-z0-9_-]{1,8000}\.[A-Za-z0-9_-]{1,200}$/;
/** Why a user's further connections are closed. */
export const CROWDED = 'too many connections of this user';
const PLAIN_CURSOR = /^cursor=([0-9.-]+)$/;

/** Decides about upgrade requests: authentication happens here, before the 101. */
export class Upgrade {
  private readonly logger = new Logger(Upgrade.name);
  private open = 0;
  private stopping = false;

  constructor(
    private readonly settings: WebSocketSettings,
    private readonly addresses: AddressLimits,
    private readonly admit: AdmitClient,
    private readonly probe: LogProbe,
    private readonly ended: EndedSessions,
    private readonly delivery: Delivery,
    private readonly metrics: Metrics,
  ) {}

  /** From now on every client is sent elsewhere. */
  stop(): void {
    this.stopping = true;
  }

  opened(): void {
    this.open += 1;
  }

  closed(): void {
    this.open -= 1;
  }

  /** At once where the log need not be asked. */
  decide(request: IncomingMessage): Verdict | Promise<Verdict> {
    const verdict = this.addresses.admit(request) ? this.judge(request) : TOO_MANY;
    if (verdict instanceof Promise) return verdict.then((late) => this.counted(late));
    return this.counted(verdict);
  }

  private counted(verdict: Verdict): Verdict {
    if (verdict.kind !== 'open') this.metrics.count('connectionsRefused');
    return verdict;
  }

  private judge(request: IncomingMessage): Verdict | Promise<Verdict> {
    try {
      const { token, cursor } = this.target(request.url ?? '');
      checkHandshake(request);
      this.checkOrigin(request.headers.origin);
      const verified = this.admit.verify(token);
      const busy = this.unwilling() ?? this.crowded(verified);
      if (busy !== undefined) return busy;
      const admission = this.admit.execute(verified, cursor);
      if (!(admission instanceof Promise)) return { kind: 'open', admission };
      return this.late(admission);
    } catch (error) {
      return this.refused(error);
    }
  }

  private target(url: string): { token: string; cursor: string | undefined } {
    const { path } = this.settings;
    if (!url.startsWith(path)) throw new Refusal('NOT_FOUND');
    const mark = url.indexOf('?');
    const token = url.slice(path.length, mark === -1 ? undefined : mark);
    if (!isTokenText(token)) throw new Refusal('UNAUTHENTICATED', 'the path holds no token');
    return { token, cursor: mark === -1 ? undefined : cursorIn(url.slice(mark + 1)) };
  }

  private checkOrigin(origin: string | undefined): void {
    const { origins } = this.settings;
    // A client that is no browser sends none; its token is what counts.
    if (origins !== undefined && origin !== undefined && !origins.has(origin))
      throw new Refusal('ORIGIN');
  }

  /** Counts as a connection while the log is asked: a burst would pass the limit. */
  private async late(admission: Promise<Admission>): Promise<Verdict> {
    this.open += 1;
    try {
      const admitted = await admission;
      return this.stopping ? RESTARTING : { kind: 'open', admission: admitted };
    } catch (error) {
      return this.refused(error);
    } finally {
      this.open -= 1;
    }
  }

  private unwilling(): Verdict | undefined {
    if (this.stopping) return RESTARTING;
    if (this.open >= this.settings.maxConnections) {
      return { kind: 'close', code: CloseCode.OVERLOAD, reason: 'too many connections' };
    }
    if (!this.probe.ready || !this.ended.known)
      return { kind: 'close', code: CloseCode.OVERLOAD, reason: 'not ready' };
    return undefined;
  }

  /** Before the token is used. Those that are admitted together are told apart when they are opened. */
  private crowded({ claims }: VerifiedToken): Verdict | undefined {
    if (hasRoomFor(claims.identity, this.delivery, this.settings)) return undefined;
    return { kind: 'close', code: CloseCode.OVERLOAD, reason: CROWDED };
  }

  private refused(error: unknown): Verdict {
    if (!(error instanceof Refusal)) {
      this.logger.error(error);
      return { kind: 'close', code: CloseCode.INTERNAL, reason: 'internal error' };
    }
    if (error.code === 'OTHER_PARTITION')
      this.logger.warn(
        'a client came with the token of another partition: see PUBLIC_URL and the proxy',
      );
    const [reason, { close }] = [REASONS[error.code], errorRow(error.code)];
    if (reason !== undefined && close !== undefined) return { kind: 'close', code: close, reason };
    if (error.retryable)
      return { kind: 'close', code: CloseCode.OVERLOAD, reason: 'log not available' };
    return { kind: 'refuse', refusal: error };
  }
}

/** True for a text that has the form, and no more than the length, of a token. */
export function isTokenText(text: string): boolean {
  return TOKEN.test(text);
}

/** Whether the user may have one more connection at this node. */
export function hasRoomFor(
  { uniqueId }: Identity,
  delivery: Delivery,
  { maxUserConnections }: WebSocketSettings,
): boolean {
  return delivery.countOf(uniqueId) < maxUserConnections;
}

/** As the SDK writes it, or among other parameters. */
function cursorIn(query: string): string | undefined {
  const [, plain] = PLAIN_CURSOR.exec(query) ?? [];
  return plain ?? new URLSearchParams(query).get('cursor') ?? undefined;
}

/** Answers an upgrade request with the error's status and ends the connection. */
export function refuseUpgrade(socket: Duplex, refusal: Refusal): void {
  const { http, result } = errorRow(refusal.code);
  const body = JSON.stringify({
    result,
    description: refusal.message,
    data: { code: refusal.code },
  });
  const head = [
    `HTTP/1.1 ${String(http)} ${refusal.code}`,
    'Connection: close',
    'Content-Type: application/json',
    'Cache-Control: no-store',
    `Content-Length: ${String(Buffer.byteLength(body))}`,
    // Due with a 400 for another version (RFC 6455, 4.4).
    ...(http === 400 ? ['Sec-WebSocket-Version: 13'] : []),
    ...(http === 405 ? ['Allow: GET'] : []),
  ];
  // Nobody else ends it: HTTP lets the other side keep its half open, and no parser reads what it may still send.
  socket.once('finish', () => {
    socket.destroy();
  });
  socket.resume();
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}
