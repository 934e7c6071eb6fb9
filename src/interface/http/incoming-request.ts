import { IncomingMessage } from 'node:http';

/**
 * A request that is an upgrade only when it asks for a WebSocket. Node.js takes each request with an `Upgrade` header for
 * one as soon as somebody listens for upgrades, body and all; Java's HttpClient offers `h2c` with every request over
 * plain HTTP, which a server may ignore (RFC 9110 7.8).
 */
export class IncomingRequest extends IncomingMessage {
  declare private asksForUpgrade: boolean | null;

  /** Set by the parser of Node.js before the headers are there, read when they are. */
  get upgrade(): boolean {
    return this.asksForUpgrade === true && this.headers.upgrade?.toLowerCase() === 'websocket';
  }

  set upgrade(asked: boolean | null) {
    this.asksForUpgrade = asked;
  }
}
