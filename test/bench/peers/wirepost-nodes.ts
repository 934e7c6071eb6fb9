import { randomBytes } from 'node:crypto';

import { Partitions } from '../../../src/domain/routing/partitions';
import { DEFAULT_GRANTS } from '../../../src/domain/routing/send-permission';
import { JwtTokenService } from '../../../src/infrastructure/security/jwt-token-service';
import { freePort } from '../../support/rabbitmq-node';
import type { Broker } from '../broker';
import { userName } from '../generator/template';
import { ServerProcess } from '../processes';

export const BUSINESS = 'bench.order';
const HOUR = 3_600_000;

/** Which nodes there are, and what they are started with. */
export interface Layout {
  /** Path of the program. */
  readonly program: string;
  readonly prefix: string;
  readonly env: Readonly<Record<string, string>>;
  readonly partitions: number;
  /** Of each partition. */
  readonly nodes: number;
}

interface Node {
  readonly port: number;
  readonly server: ServerProcess;
}

/** Where connections go and the paths with which they begin. */
interface Entrances {
  readonly ports: readonly number[];
  readonly paths: readonly string[];
}

/** Processes of the product on one broker, and the secrets that they share with the bench. */
export class WirepostNodes {
  readonly key = randomBytes(24).toString('hex');
  private readonly secret = randomBytes(32).toString('hex');
  private readonly clock = {
    now: () => Date.now(),
    elapsed: () => performance.now(),
    newId: () => randomBytes(12).toString('hex'),
  };
  private readonly tokens = new JwtTokenService([this.secret], this.clock);
  private readonly partitions: Partitions;
  /** Those of partition 0 come first. */
  private nodes: readonly Node[] = [];

  private constructor(
    private readonly broker: Broker,
    private readonly layout: Layout,
  ) {
    this.partitions = new Partitions(layout.partitions, 0);
  }

  static async start(broker: Broker, layout: Layout): Promise<WirepostNodes> {
    const all = new WirepostNodes(broker, layout);
    const { partitions, nodes } = layout;
    const booting = Array.from({ length: partitions * nodes }, (_, i) =>
      all.boot(Math.floor(i / nodes)),
    );
    const booted = await Promise.allSettled(booting);
    all.nodes = booted.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    const failure = booted.find((one) => one.status === 'rejected');
    if (failure === undefined) return all;
    await all.stop();
    throw failure.reason;
  }

  get pids(): readonly number[] {
    return this.nodes.map(({ server }) => server.pid);
  }

  get ports(): readonly number[] {
    return this.nodes.map(({ port }) => port);
  }

  get port(): number {
    return this.nodes[0]?.port ?? 0;
  }

  get base(): string {
    return baseOf(this.port);
  }

  /** The name of a user's partition, which is its routing key; empty when there is one log. */
  partitionOf(uniqueId: string): string {
    return this.partitions.nameOf(this.partitions.of(uniqueId)) ?? '';
  }

  /** Another node of partition 0. */
  async another(): Promise<number> {
    const node = await this.boot(0);
    this.nodes = [...this.nodes, node];
    return node.server.pid;
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map(({ server }) => server.stop()));
  }

  /** Of the first node. */
  async metric(name: string): Promise<number> {
    const headers = { authorization: `Bearer ${this.key}` };
    const text = await (await fetch(`${this.base}/metrics`, { headers })).text();
    const line = text.split('\n').find((one) => one.startsWith(`${name} `));
    return Number(line?.slice(name.length) ?? NaN);
  }

  /**
   * For user i the nodes of its partition in turn, and a path with a token that starts at the end of the log as it
   * is now.
   */
  async entrances(count: number, use: 'connect' | 'reconnect'): Promise<Entrances> {
    const cursors = await Promise.all(
      Array.from({ length: this.partitions.count }, (_, partition) => this.position(partition)),
    );
    const turns = cursors.map(() => 0);
    const ports: number[] = [];
    const paths: string[] = [];
    for (let i = 0; i < count; i += 1) {
      const uniqueId = userName(i);
      const partition = this.partitions.of(uniqueId);
      const turn = turns[partition] ?? 0;
      turns[partition] = turn + 1;
      ports.push(this.portAt(partition, turn));
      paths.push(`/socket/${this.token(uniqueId, partition, cursors[partition] ?? '', use)}`);
    }
    return { ports, paths };
  }

  private portAt(partition: number, turn: number): number {
    const { nodes } = this.layout;
    return this.nodes[partition * nodes + (turn % nodes)]?.port ?? 0;
  }

  private token(
    uniqueId: string,
    partition: number,
    cursor: string,
    use: 'connect' | 'reconnect',
  ): string {
    return this.tokens.issue({
      identity: { uniqueId, clientType: 'H5' },
      tags: [],
      businesses: [],
      grants: DEFAULT_GRANTS,
      partition: this.partitions.nameOf(partition),
      began: undefined,
      cursor,
      use,
      id: this.clock.newId(),
      expiresAt: Date.now() + HOUR,
      issuedAt: Date.now(),
      sessionTtl: HOUR,
    });
  }

  private async boot(partition: number): Promise<Node> {
    const { program, prefix, env, partitions } = this.layout;
    const port = await freePort();
    const base = baseOf(port);
    const settings = {
      NODE_ENV: 'production',
      PORT: String(port),
      HOST: '127.0.0.1',
      PUBLIC_URL: partitions === 1 ? base.replace('http', 'ws') : 'ws://{partition}.localhost',
      LOG_PARTITIONS: String(partitions),
      LOG_PARTITION: String(partition),
      AMQP_URL: this.broker.node.url,
      AMQP_PREFIX: prefix,
      SERVICE_KEYS: `bench:token+push+admin:${this.key}`,
      JWT_SECRET: this.secret,
      LOG_LEVEL: 'warn',
      ...env,
    };
    const server = await ServerProcess.start([program], settings, async () => {
      const { status } = await fetch(`${base}/health/ready`);
      if (status !== 200) throw new Error(`not ready: ${String(status)}`);
    });
    return { port, server };
  }

  /** The end of a partition, as text: what a token issued now would start from. */
  private async position(partition: number): Promise<string> {
    const uniqueId = this.somebodyIn(partition);
    const base = baseOf(this.portAt(partition, 0));
    const response = await fetch(`${base}/websocket/token?uniqueId=${uniqueId}`, {
      headers: { authorization: `Bearer ${this.key}` },
    });
    const { data } = (await response.json()) as { data: string };
    return this.tokens.verify(data.slice(data.lastIndexOf('/') + 1)).claims.cursor;
  }

  private somebodyIn(partition: number): string {
    for (let i = 0; ; i += 1) if (this.partitions.of(userName(i)) === partition) return userName(i);
  }
}

function baseOf(port: number): string {
  return `http://127.0.0.1:${String(port)}`;
}
