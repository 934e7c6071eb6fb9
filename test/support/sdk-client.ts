import { WebSocket } from 'ws';

import { type Client, type ClientEvents, connect, type ConnectOptions } from '../../src/client';
import { eventually } from './eventually';
import type { TestNode } from './test-node';

type Recorded = {
  [K in keyof ClientEvents]: { name: K; event: ClientEvents[K] };
}[keyof ClientEvents];

/** The SDK in Node, connected through a switch that leads to one node at a time; keeps what the application got. */
export class SdkClient {
  readonly contents: unknown[] = [];
  readonly events: Recorded[] = [];
  /** How often a new URL was asked for. */
  tokens = 0;
  socket: WebSocket | undefined;
  readonly client: Client;

  constructor(
    private at: TestNode,
    uniqueId: string,
    {
      grants = {},
      ...options
    }: Partial<ConnectOptions> & { grants?: Record<string, unknown> } = {},
  ) {
    this.client = connect({
      url: () => {
        this.tokens += 1;
        return this.at.url(uniqueId, grants);
      },
      socket: (url, protocol) => {
        const { pathname, search } = new URL(url);
        const target = `${this.at.base.replace('http', 'ws')}${pathname}${search}`;
        this.socket = new WebSocket(target, protocol);
        return this.socket;
      },
      ...options,
    });
    this.client.on('*', ({ content }) => {
      this.contents.push(content);
    });
    for (const name of [
      'connected',
      'disconnected',
      'resumed',
      'gap',
      'rejected',
      'error',
    ] as const) {
      this.client.listen(name, (event) => {
        this.events.push({ name, event } as Recorded);
      });
    }
  }

  static async connected(...args: ConstructorParameters<typeof SdkClient>): Promise<SdkClient> {
    const sdk = new SdkClient(...args);
    await sdk.becomes('connected');
    return sdk;
  }

  /** From now on connections lead to another node. */
  moveTo(node: TestNode): void {
    this.at = node;
  }

  async becomes(state: Client['state']): Promise<void> {
    await eventually(
      () => {
        expect(this.client.state).toBe(state);
      },
      { within: 20_000 },
    );
  }

  named<K extends keyof ClientEvents>(name: K): ClientEvents[K][] {
    return this.events
      .filter((one) => one.name === name)
      .map(({ event }) => event) as ClientEvents[K][];
  }
}
