import { type RawData, WebSocket } from 'ws';

import type { ClientSession } from './client-session';

/** What `ws` makes of a connection. Its listeners are shared by all: closures would be kept for each of them. */
export class ClientSocket extends WebSocket {
  private session: ClientSession | undefined;
  private closed: ((session: ClientSession) => void) | undefined;

  /** Gives the session what comes; `closed`, one for all sockets, is called when the connection is gone. */
  serve(session: ClientSession, closed: (session: ClientSession) => void): void {
    this.session = session;
    this.closed = closed;
    this.on('message', onMessage);
    this.on('pong', onPong);
    this.on('close', onClose);
  }

  static sessionOf(ws: WebSocket): ClientSession | undefined {
    return ws instanceof ClientSocket ? ws.session : undefined;
  }

  static onClose(ws: WebSocket): void {
    if (ws instanceof ClientSocket && ws.session !== undefined) ws.closed?.(ws.session);
  }
}

function onMessage(this: WebSocket, data: RawData, isBinary: boolean): void {
  const session = ClientSocket.sessionOf(this);
  if (isBinary) session?.onBinary((data as Buffer).length);
  else session?.onText((data as Buffer).toString());
}

function onPong(this: WebSocket): void {
  ClientSocket.sessionOf(this)?.onPong();
}

function onClose(this: WebSocket): void {
  ClientSocket.onClose(this);
}
