import { WebSocket } from 'ws';

import { Delivery } from '../../../src/application/delivery/delivery';
import type { Receipts } from '../../../src/application/receipts/receipts';
import type { Admission, AdmitClient } from '../../../src/application/session/admit-client';
import type { AcceptClientMessage } from '../../../src/application/upstream/accept-client-message';
import { Cursor } from '../../../src/domain/log/cursor';
import { Window } from '../../../src/domain/log/window';
import type { Message } from '../../../src/domain/message/message';
import { DEFAULT_GRANTS } from '../../../src/domain/routing/send-permission';
import type { BodyValidator } from '../../../src/interface/body-validator';
import { ClientSession } from '../../../src/interface/websocket/client-session';
import { PlainBodies } from '../../../src/interface/websocket/dialect';
import { SocketChannel } from '../../../src/interface/websocket/socket-channel';
import { FakeClock } from '../../support/fake-clock';
import { RecordingMetrics } from '../../support/recording-metrics';
import { SlowSocket } from '../../support/slow-socket';

const ADMISSION: Admission = {
  claims: {
    identity: { uniqueId: 'u1', clientType: 'H5' },
    tags: [],
    businesses: [],
    grants: DEFAULT_GRANTS,
    partition: '',
    began: undefined,
    cursor: '0-0',
    use: 'reconnect',
    id: 'token-1',
    expiresAt: 1e15,
    issuedAt: 0,
    sessionTtl: 1e15,
  },
  reusable: 'token',
  cursor: new Cursor(0, 0),
  resumed: false,
  sessionEnds: 1e15,
};
const BODY = '{"messageId":"m"}';

/** A plain client's session, whose messages are confirmed by nobody. */
class Connection {
  readonly socket = new SlowSocket();
  readonly metrics = new RecordingMetrics();
  /** Close codes that the client was told. */
  readonly closes: number[] = [];
  isRead = true;
  private readonly session: ClientSession;

  constructor() {
    const clock = new FakeClock();
    const window = new Window({ maxAge: 60_000, maxBytes: 1_000_000 });
    const delivery = new Delivery(window, clock, this.metrics, 1000);
    const ws = {
      readyState: WebSocket.OPEN,
      pause: () => (this.isRead = false),
      resume: () => (this.isRead = true),
      close: (code: number) => this.closes.push(code),
    } as unknown as WebSocket;
    const context = {
      settings: {
        ...{ path: '/socket/', publicUrls: [], origins: undefined, maxPayload: 65_536 },
        ...{
          maxBuffered: 1000,
          maxConnections: 10,
          maxUserConnections: 10,
          addresses: { maxConnections: 0, rate: 0, trustedProxies: [] },
          clientRate: 1000,
          heartbeat: 25_000,
          drainTimeout: 0,
          repeatWithin: 0,
        },
      },
      ...{ delivery, window, clock, metrics: this.metrics, memory: () => 0 },
      receipts: { leave: () => undefined } as unknown as Receipts,
      admit: {} as AdmitClient,
      accept: {
        compose: () => ({ id: 'm' }) as Message,
        execute: () => new Promise<void>(() => undefined),
      } as unknown as AcceptClientMessage,
      validator: { check: () => undefined } as unknown as BodyValidator,
    };
    const channel = new SocketChannel(ws, this.socket);
    this.session = new ClientSession(context, channel, new PlainBodies(clock), ADMISSION);
    this.session.open(ADMISSION);
  }

  says(text: string): void {
    this.session.onText(text);
  }

  answersPing(): void {
    this.session.onPong();
  }

  /** Bytes that wait for the client from now on, in chunks of 60. */
  isSent(chunks: number): void {
    for (let i = 0; i < chunks; i += 1) this.session.channel.write([new Uint8Array(60)]);
  }

  beat(): void {
    this.session.onHeartbeat();
  }
}

describe('the heartbeat of a connection', () => {
  it('gives up who answers pings and takes nothing of what waits for it', () => {
    const client = new Connection();
    client.isSent(20);
    for (let beat = 0; beat < 3; beat += 1) {
      client.beat();
      client.answersPing();
      expect(client.closes).toEqual([]);
    }
    client.beat();
    expect(client.closes).toEqual([4408]);
    expect(client.metrics.total('heartbeatsMissed')).toBe(1);
  });

  it('keeps who cannot answer, but takes what waits for it bit by bit', () => {
    const client = new Connection();
    client.isSent(20);
    for (let beat = 0; beat < 20; beat += 1) {
      client.beat();
      client.socket.takeOne();
    }
    expect(client.closes).toEqual([]);
    for (let beat = 0; beat < 5; beat += 1) client.beat();
    expect(client.closes).toEqual([4408]);
  });

  it('does not take for silence that a client is not read while the broker is slow', () => {
    const client = new Connection();
    for (let i = 0; i < 256; i += 1) client.says(BODY);
    expect(client.isRead).toBe(false);
    for (let beat = 0; beat < 10; beat += 1) {
      client.beat();
      client.socket.takeAll();
    }
    expect(client.closes).toEqual([]);
  });

  it('gives up who says nothing, whatever its kernel has taken', () => {
    const client = new Connection();
    for (let beat = 0; beat < 4; beat += 1) {
      expect(client.closes).toEqual([]);
      client.beat();
      client.isSent(1);
      client.socket.takeAll();
    }
    expect(client.closes).toEqual([4408]);
  });
});
