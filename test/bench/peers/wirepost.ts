import { randomBytes } from 'node:crypto';

import { DEFAULT_GRANTS } from '../../../src/domain/routing/send-permission';
import { JwtTokenService } from '../../../src/infrastructure/security/jwt-token-service';
import { freePort } from '../../support/rabbitmq-node';
import type { Broker } from '../broker';
import { SEQUENCE, USER, userName } from '../generator/template';
import { ServerProcess } from '../processes';
import { content, type Peer, type Purpose, type RunningPeer } from './peer';

const HOUR = 3_600_000;
const BUSINESS = 'bench.order';

/** What the REST scenarios need on top. */
export interface RunningWirepost extends RunningPeer {
  readonly key: string;
  readonly base: string;
  body(purpose: Exclude<Purpose, 'idle'>): string;
  /** Starts another node on the same log and returns its process; it ends with this one. */
  another(): Promise<number>;
  /** The value of a metric without labels; NaN when there is none. */
  metric(name: string): Promise<number>;
}

export interface Wirepost extends Peer {
  start(env?: Readonly<Record<string, string>>): Promise<RunningWirepost>;
}

/**
 * The product as it is started in production, nothing turned off. Connections use reconnect tokens, whose signature is
 * verified, or with `singleUse` connect tokens, each of which is claimed through the log besides.
 */
export function wirepost(broker: Broker, { singleUse = false } = {}): Wirepost {
  let started = 0;
  return {
    name: singleUse ? 'Wirepost, single-use tokens' : 'Wirepost',
    async start(env = {}) {
      started += 1;
      const prefix = `wirepost${singleUse ? 's' : 'r'}${String(started)}`;
      const node = await Node.start(broker, prefix, env);
      return {
        port: node.port,
        serverPid: node.server.pid,
        usesBroker: true,
        key: node.key,
        base: node.base,
        body: bodyFor,
        another: () => node.another(),
        metric: (name) => node.metric(name),
        connections: async (count) => ({
          port: node.port,
          paths: await node.paths(count, singleUse ? 'connect' : 'reconnect'),
          protocol: 'wirepost.v1',
          greetings: 1,
          hello: '',
        }),
        feed: (purpose) => ({
          kind: 'amqp',
          exchange: `${prefix}.push`,
          routingKey: '',
          body: bodyFor(purpose),
        }),
        upstream: () => ({ frame: upstreamFrame(), answer: '"accepted"', queue: `${prefix}.sink` }),
        async stop() {
          await node.stop();
          await broker.deleteQueues(prefix);
        },
      };
    },
  };
}

/** A process and the secrets that it shares with the bench. */
class Node {
  readonly key = randomBytes(24).toString('hex');
  private readonly secret = randomBytes(32).toString('hex');
  private readonly clock = { now: () => Date.now(), newId: () => randomBytes(12).toString('hex') };
  private readonly tokens = new JwtTokenService([this.secret], this.clock);
  private readonly processes: ServerProcess[] = [];

  private constructor(
    readonly port: number,
    private readonly broker: Broker,
    private readonly prefix: string,
    private readonly env: Readonly<Record<string, string>>,
  ) {}

  static async start(
    broker: Broker,
    prefix: string,
    env: Readonly<Record<string, string>>,
  ): Promise<Node> {
    const node = new Node(await freePort(), broker, prefix, env);
    await node.boot(node.port);
    await broker.sink(`${prefix}.sink`, `${prefix}.upstream`, BUSINESS);
    return node;
  }

  get base(): string {
    return `http://127.0.0.1:${String(this.port)}`;
  }

  get server(): ServerProcess {
    const [first] = this.processes;
    if (first === undefined) throw new Error('the process was not started');
    return first;
  }

  async another(): Promise<number> {
    return (await this.boot(await freePort())).pid;
  }

  async stop(): Promise<void> {
    await Promise.all(this.processes.map((one) => one.stop()));
  }

  async metric(name: string): Promise<number> {
    const headers = { authorization: `Bearer ${this.key}` };
    const text = await (await fetch(`${this.base}/metrics`, { headers })).text();
    const line = text.split('\n').find((one) => one.startsWith(`${name} `));
    return Number(line?.slice(name.length) ?? NaN);
  }

  /** Paths with tokens that start at the end of the log as it is now. */
  async paths(count: number, use: 'connect' | 'reconnect'): Promise<readonly string[]> {
    const cursor = await this.position();
    return Array.from({ length: count }, (_, i) => {
      const token = this.tokens.issue({
        identity: { uniqueId: userName(i), clientType: 'H5' },
        tags: [],
        businesses: [],
        grants: DEFAULT_GRANTS,
        partition: undefined,
        cursor,
        use,
        id: this.clock.newId(),
        expiresAt: Date.now() + HOUR,
        sessionTtl: HOUR,
      });
      return `/socket/${token}`;
    });
  }

  private async boot(port: number): Promise<ServerProcess> {
    const settings = {
      NODE_ENV: 'production',
      PORT: String(port),
      HOST: '127.0.0.1',
      PUBLIC_URL: this.base.replace('http', 'ws'),
      AMQP_URL: this.broker.node.url,
      AMQP_PREFIX: this.prefix,
      SERVICE_KEYS: `bench:token+push+admin:${this.key}`,
      JWT_SECRET: this.secret,
      LOG_LEVEL: 'warn',
      ...this.env,
    };
    const server = await ServerProcess.start(['dist/main.js'], settings, async () => {
      const { status } = await fetch(`http://127.0.0.1:${String(port)}/health/ready`);
      if (status !== 200) throw new Error(`not ready: ${String(status)}`);
    });
    this.processes.push(server);
    return server;
  }

  /** The end of the log, as text: what a token issued now would start from. */
  private async position(): Promise<string> {
    const response = await fetch(`${this.base}/websocket/token?uniqueId=position`, {
      headers: { authorization: `Bearer ${this.key}` },
    });
    const { data } = (await response.json()) as { data: string };
    return this.tokens.verify(data.slice(data.lastIndexOf('/') + 1)).cursor;
  }
}

function bodyFor(purpose: Exclude<Purpose, 'idle'>): string {
  const address =
    purpose === 'users' ? `"sendType":"UNICAST","toUniqueId":"${USER}"` : '"sendType":"BROADCAST"';
  return `{${address},"messageType":"SERVER_TO_CLIENT","businessType":"${BUSINESS}","content":${content()}}`;
}

function upstreamFrame(): string {
  return `{"sendType":"UNICAST","messageType":"CLIENT_TO_SERVER","businessType":"${BUSINESS}","messageId":"${SEQUENCE}","content":${content()}}`;
}
