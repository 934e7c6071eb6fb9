import { WebSocket } from 'ws';

import { SUBPROTOCOL } from '../../src/protocol/frames';
import { eventually } from './eventually';

export interface Closed {
  readonly code: number;
  readonly reason: string;
}

export type Frame = Readonly<Record<string, unknown>>;

/** A client that speaks the protocol and keeps everything that it got. */
export class TestClient {
  /** Every frame, in order. */
  readonly frames: Frame[] = [];
  closed: Closed | undefined;
  /** HTTP status of a refused handshake. */
  status: number | undefined;
  opened = false;

  private constructor(readonly ws: WebSocket) {
    ws.on('open', () => {
      this.opened = true;
    });
    ws.on('message', (data) => {
      this.frames.push(JSON.parse((data as Buffer).toString()) as Frame);
    });
    ws.on('close', (code, reason) => {
      this.closed = { code, reason: reason.toString() };
    });
    ws.on('unexpected-response', (_request, response) => {
      this.status = response.statusCode;
      this.closed = { code: 1006, reason: '' };
      response.resume();
      ws.terminate();
    });
    ws.on('error', () => undefined);
  }

  /** Connects; `plain` speaks no subprotocol, `ca` is the certificate by which a wss:// URL is believed, in PEM. */
  static connect(
    url: string,
    options: {
      cursor?: string | undefined;
      plain?: boolean;
      origin?: string;
      ca?: string | Buffer;
    } = {},
  ): TestClient {
    const target = options.cursor === undefined ? url : `${url}?cursor=${options.cursor}`;
    const { ca, origin } = options;
    const headers = origin === undefined ? {} : { origin };
    return new TestClient(
      new WebSocket(target, options.plain === true ? [] : [SUBPROTOCOL], { headers, ca }),
    );
  }

  get bodies(): Frame[] {
    return this.frames.filter((frame) => !('op' in frame));
  }

  /** `content` of the bodies received. */
  get contents(): unknown[] {
    return this.bodies.map((body) => body['content']);
  }

  ops(op: string): Frame[] {
    return this.frames.filter((frame) => frame['op'] === op);
  }

  get welcome(): Frame | undefined {
    return this.ops('welcome')[0];
  }

  /** The last cursor that a delivery carried, or that of the welcome. */
  get cursor(): string {
    return String((this.bodies.at(-1) ?? this.welcome)?.['cursor']);
  }

  send(value: unknown): void {
    this.ws.send(typeof value === 'string' ? value : JSON.stringify(value));
  }

  close(): void {
    this.ws.close();
  }

  terminate(): void {
    this.ws.terminate();
  }
}

/** Resolves to the client when it has its welcome, or was refused or closed without one. */
export async function decided(client: TestClient): Promise<TestClient> {
  await eventually(() => {
    expect(client.welcome ?? client.closed).toBeDefined();
  });
  return client;
}

/** Connects, again and again, until there is room for it; resolves to the client that has its welcome. */
export function admitted(connect: () => Promise<TestClient>, within = 5000): Promise<TestClient> {
  return eventually(
    async () => {
      const client = await decided(await connect());
      expect(client.welcome).toBeDefined();
      return client;
    },
    { within },
  );
}

/** Resolves to the client when it has its welcome. */
export async function welcomed(client: TestClient): Promise<TestClient> {
  await eventually(() => {
    expect(client.welcome).toBeDefined();
  });
  return client;
}
