import { Inject, Logger } from '@nestjs/common';
import { WebSocketGateway } from '@nestjs/websockets';
import type { OnGatewayConnection } from '@nestjs/websockets';

import { EndedSessions } from '../../application/session/ended-sessions';
import type { ConnectionQuery, OpenConnection } from '../../application/ports/nodes';
import type { Admission } from '../../application/session/admit-client';
import type { Revocation } from '../../domain/connection/revocations';
import { CloseCode } from '../../protocol/close-codes';
import { ClientSession } from './client-session';
import type { ClientSocket } from './client-socket';
import { CONTROL_FRAMES, type Dialect, PlainBodies } from './dialect';
import { Heartbeat } from './heartbeat';
import { SessionContext } from './session-context';
import { type PeerSocket, SocketChannel } from './socket-channel';
import { CROWDED, hasRoomFor, Upgrade } from './upgrade';

/** ms between two groups of connections that are closed at a shutdown. */
const WAVE = 100;

/** Holds the connections of this node: opens a session for each, gives them their heartbeat, and drains them. */
@WebSocketGateway()
export class WirepostGateway implements OnGatewayConnection {
  private readonly logger = new Logger(WirepostGateway.name);
  private readonly heartbeat = new Heartbeat<ClientSession>();
  private readonly timer: NodeJS.Timeout;
  private readonly plain: Dialect;

  constructor(
    @Inject(SessionContext) private readonly context: SessionContext,
    @Inject(Upgrade) private readonly upgrade: Upgrade,
    @Inject(EndedSessions) ended: EndedSessions,
  ) {
    this.plain = new PlainBodies(context.clock);
    ended.onEnded((revocation) => {
      this.end(revocation);
    });
    this.timer = setInterval(() => {
      this.heartbeat.tick();
    }, Heartbeat.tickOf(context.settings.heartbeat));
    this.timer.unref();
  }

  get connections(): number {
    return this.heartbeat.size;
  }

  handleConnection(ws: ClientSocket, socket: PeerSocket, admission: Admission): void {
    const session = new ClientSession(
      this.context,
      new SocketChannel(ws, socket),
      ws.protocol === '' ? this.plain : CONTROL_FRAMES,
      admission,
    );
    this.heartbeat.add(session);
    this.upgrade.opened();
    this.context.metrics.count('connectionsOpened');
    ws.serve(session, this.closed);
    // Several may have been admitted in one moment, in which none of them counted yet.
    const { delivery, settings } = this.context;
    if (hasRoomFor(admission.claims.identity, delivery, settings)) this.open(session, admission);
    else session.bye(CloseCode.OVERLOAD, CROWDED, 0);
  }

  /** What went wrong with one client must not reach Nest, which would throw it with nobody to catch it. */
  private open(session: ClientSession, admission: Admission): void {
    try {
      session.open(admission);
    } catch (error) {
      this.logger.error(error);
      session.bye(CloseCode.INTERNAL, 'internal error', 0);
    }
  }

  private readonly closed = (session: ClientSession): void => {
    this.heartbeat.remove(session);
    this.upgrade.closed();
    session.onClose();
  };

  /** The connections of a user at this node. */
  find(query: ConnectionQuery): readonly OpenConnection[] {
    return this.of(query).map((session) => session.described());
  }

  private end(revocation: Revocation): void {
    for (const session of this.of(revocation)) session.end(revocation);
  }

  private of({ uniqueId, clientType }: ConnectionQuery): readonly ClientSession[] {
    return this.context.delivery
      .find({ kind: 'unicast', uniqueId, clientType })
      .map(({ receiver }) => receiver)
      .filter((receiver) => receiver instanceof ClientSession);
  }

  /** Sends every client elsewhere, in waves spread over the drain time; resolves when all are told. */
  async drain(): Promise<void> {
    clearInterval(this.timer);
    const { sessions } = this.heartbeat;
    const waves = Math.max(1, Math.ceil(this.context.settings.drainTimeout / WAVE));
    const perWave = Math.max(50, Math.ceil(sessions.length / waves));
    for (let i = 0; i < sessions.length; i += perWave) {
      if (i > 0) await new Promise((resolve) => setTimeout(resolve, WAVE));
      for (const session of sessions.slice(i, i + perWave)) {
        session.bye(CloseCode.RESTART, 'restarting', Math.floor(Math.random() * 2000));
      }
    }
  }
}
