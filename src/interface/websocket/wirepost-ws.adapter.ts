import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';

import { type INestApplicationContext, Logger } from '@nestjs/common';
import { WsAdapter } from '@nestjs/platform-ws';
import { type ServerOptions, type WebSocket, WebSocketServer } from 'ws';

import { Refusal } from '../../domain/errors';
import { SUBPROTOCOL } from '../../protocol/frames';
import { ClientSocket } from './client-socket';
import { refuseUpgrade, Upgrade, type Verdict } from './upgrade';
import { UpgradeAnswers } from './upgrade-answers';
import type { WebSocketSettings } from './websocket-settings';

/** Fragments of one message (RFC 6455 section 5.4) that are put up with. */
const MAX_FRAGMENTS = 64;
/**
 * Pieces in which a message may come off the network, and bytes that each of them has at least on average in a long one: a piece
 * keeps some 400 bytes of memory, and the smallest segments of TCP (RFC 9293, 3.7.1) have 536.
 */
const MAX_PIECES = 1024;
const PIECE_BYTES = 256;
const CLOSE_TIMEOUT = 5000;
/** ms after which an upgrade that is still undecided is given up. */
const UPGRADE_TIMEOUT = 10_000;

/**
 * Nest's adapter with our own upgrade: any path below `/socket/`, authentication before the 101, and no server of
 * its own. Messages do not pass Nest's handler map, which runs a client's messages side by side and swallows bad ones.
 */
export class WirepostWsAdapter extends WsAdapter {
  private readonly log = new Logger(WirepostWsAdapter.name);
  private readonly answers = new UpgradeAnswers();
  private wss: WebSocketServer | undefined;
  /** Shared by all connections: a closure each would live as long as its connection. */
  private readonly onError = (error: Error): void => {
    this.log.debug(`a client broke the protocol: ${error.message}`);
  };
  private listener: ((request: IncomingMessage, socket: Duplex, head: Buffer) => void) | undefined;

  constructor(
    app: INestApplicationContext,
    private readonly upgrade: Upgrade,
    private readonly settings: WebSocketSettings,
  ) {
    super(app);
  }

  override create(): WebSocketServer {
    const server = this.httpServer as Server;
    // `closeTimeout` (ms) and `maxBufferedChunks` are options of ws that its types do not know yet.
    const options: ServerOptions & {
      readonly closeTimeout: number;
      readonly maxBufferedChunks: number;
    } = {
      noServer: true,
      WebSocket: ClientSocket,
      maxPayload: this.settings.maxPayload,
      maxFragments: MAX_FRAGMENTS,
      maxBufferedChunks: Math.max(MAX_PIECES, Math.ceil(this.settings.maxPayload / PIECE_BYTES)),
      closeTimeout: CLOSE_TIMEOUT,
      perMessageDeflate: false,
      clientTracking: false,
      handleProtocols: (offered) => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
    };
    const wss = new WebSocketServer(options);
    this.wss = wss;
    this.listener = (request, socket, head) => {
      const verdict = this.upgrade.decide(request);
      if (verdict instanceof Promise) void this.answerLate(request, socket, head, verdict);
      else this.answer(request, socket, head, verdict);
    };
    server.on('upgrade', this.listener);
    return wss;
  }

  override bindClientDisconnect(): void {
    // The gateway does not ask Nest to tell it.
  }

  override bindMessageHandlers(): void {
    // The gateway reads its sockets itself.
  }

  override close(): Promise<void> {
    if (this.listener !== undefined) (this.httpServer as Server).off('upgrade', this.listener);
    this.wss?.close();
    return Promise.resolve();
  }

  private async answerLate(
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    decided: Promise<Verdict>,
  ): Promise<void> {
    socket.on('error', destroy);
    const timer = setTimeout(() => {
      refuseUpgrade(socket, new Refusal('OVERLOAD'));
    }, UPGRADE_TIMEOUT);
    const verdict = await decided;
    clearTimeout(timer);
    if (socket.destroyed || socket.writableEnded) return;
    socket.off('error', destroy);
    this.answer(request, socket, head, verdict);
  }

  private answer(request: IncomingMessage, socket: Duplex, head: Buffer, verdict: Verdict): void {
    if (verdict.kind === 'refuse') {
      socket.on('error', destroy);
      refuseUpgrade(socket, verdict.refusal);
      return;
    }
    socket.cork();
    this.wss?.handleUpgrade(request, socket, head, (ws) => {
      this.onUpgraded(ws, request, socket, verdict);
    });
    this.answers.add(socket);
  }

  private onUpgraded(
    ws: WebSocket,
    request: IncomingMessage,
    socket: Duplex,
    verdict: Exclude<Verdict, { kind: 'refuse' }>,
  ): void {
    ws.on('error', this.onError);
    if (verdict.kind === 'close') ws.close(verdict.code, verdict.reason);
    else this.wss?.emit('connection', ws, socket, verdict.admission, request);
  }
}

function destroy(this: Duplex): void {
  this.destroy();
}
