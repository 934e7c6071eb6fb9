import amqp from 'amqplib';

import { eventually } from '../support/eventually';
import { GatewayProcess } from '../support/gateway-process';
import { freshPrefix } from '../support/shared-broker';
import { SERVICE_KEY } from '../support/test-node';
import { AmqpSender } from './amqp-sender';
import { type Doors, type Entrance, FaultClient, type Identity } from './client';
import type { History } from './history';

/** The broker, or a cluster of brokers, that a run uses and breaks. */
export interface Broker {
  /** As in AMQP_URL: several nodes are separated by commas. */
  readonly url: string;
  /** What an Erlang expression comes to at a node that lives. */
  evaluate(expression: string): Promise<string>;
}

export interface SystemOptions {
  readonly broker: Broker;
  /** Gateway processes; 2 when absent. */
  readonly gateways?: number;
  /** Partitions of the log, over which the gateways are spread in turn; 1 when absent. */
  readonly partitions?: number;
  /** Settings of the gateways on top of those of every run. */
  readonly env?: Readonly<Record<string, string>>;
  /** The gateways' program; the build of `src` when absent. */
  readonly main?: string;
}

/** Who is connected: two of the users have two tabs, and one client is of another type. */
export const CLIENTS: readonly Identity[] = [
  { name: 'c1', uniqueId: 'u1', clientType: 'H5', tags: ['odd'] },
  { name: 'c1b', uniqueId: 'u1', clientType: 'H5', tags: ['odd'] },
  { name: 'c2', uniqueId: 'u2', clientType: 'H5', tags: ['even'] },
  { name: 'c3', uniqueId: 'u3', clientType: 'APP', tags: ['odd', 'vip'] },
  { name: 'c4', uniqueId: 'u4', clientType: 'WEB', tags: ['even', 'vip'] },
  { name: 'c4b', uniqueId: 'u4', clientType: 'WEB', tags: ['even', 'vip'] },
];

/** ms within which every client must be connected at the beginning. */
const CONNECTED = 20_000;
const ENV = { PUBLISH_TIMEOUT: '2s', RETRY_DELAYS: '200ms,1s', DRAIN_TIMEOUT: '2s' };

/** One gateway of a run; `up` is false from the moment at which the run ends it. */
export interface Gateway extends Entrance {
  readonly process: GatewayProcess;
  /** The partition of the log that it reads. */
  readonly partition: number;
  up: boolean;
}

/** The system under test: real gateway processes on a real broker, real clients, a prefix of its own. */
export class System implements Doors {
  readonly gateways: Gateway[] = [];
  readonly clients: FaultClient[] = [];
  readonly prefix = freshPrefix();
  readonly amqp: AmqpSender;
  private turn = 0;

  private constructor(
    private readonly options: SystemOptions,
    readonly history: History,
  ) {
    this.amqp = new AmqpSender(options.broker.url.split(','), `${this.prefix}.push`);
  }

  static async start(options: SystemOptions, history: History): Promise<System> {
    const system = new System(options, history);
    try {
      const names = Array.from({ length: options.gateways ?? 2 }, (_, i) => `g${String(i + 1)}`);
      await Promise.all(names.map((name) => system.addGateway(name)));
      system.amqp.start();
      for (const identity of CLIENTS) system.addClient(identity);
      await eventually(
        () => {
          if (!system.clients.every(({ connected }) => connected))
            throw new Error('not every client is connected');
        },
        { within: CONNECTED },
      );
    } catch (error) {
      await system.stop();
      throw error;
    }
    return system;
  }

  get broker(): Broker {
    return this.options.broker;
  }

  get partitions(): number {
    return this.options.partitions ?? 1;
  }

  /** Where the streams of the log are bound. */
  get bindings(): readonly {
    readonly stream: string;
    readonly exchange: string;
    readonly key: string;
  }[] {
    const { prefix, partitions } = this;
    const push = `${prefix}.push`;
    if (partitions === 1) return [{ stream: `${prefix}.log`, exchange: push, key: '' }];
    return Array.from(
      { length: partitions },
      (_, i) => `${String(partitions)}.${String(i)}`,
    ).flatMap((key) => {
      const stream = `${prefix}.log.${key}`;
      return [
        { stream, exchange: push, key: '' },
        { stream, exchange: `${prefix}.partition`, key },
      ];
    });
  }

  /** The gateways in turn. */
  next(isMeant: (gateway: Gateway) => boolean = () => true): Gateway {
    const up = this.gateways.filter((gateway) => gateway.up && isMeant(gateway));
    const gateway = up[(this.turn += 1) % up.length];
    if (gateway === undefined) throw new Error('no gateway is up');
    return gateway;
  }

  leads(url: string): Gateway {
    const { hostname } = new URL(url);
    return this.next(
      ({ partition }) => this.partitions === 1 || hostname === `p${String(partition)}.test`,
    );
  }

  entrance(): Gateway | undefined {
    return this.gateways.some(({ up }) => up) ? this.next() : undefined;
  }

  async token({ uniqueId, clientType, tags }: Identity): Promise<string> {
    const { base } = this.next();
    const response = await fetch(`${base}/websocket/token`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${SERVICE_KEY}` },
      body: JSON.stringify({ uniqueId, clientType, tags, clientToClient: true }),
      signal: AbortSignal.timeout(5000),
    });
    const { result, data } = (await response.json()) as { result: number; data: string };
    if (result !== 0) throw new Error(`no token: ${String(result)}`);
    return data;
  }

  /** Starts a gateway; one under the same name, which has ended, it replaces. */
  async addGateway(name: string): Promise<Gateway> {
    const partition = (Number(name.slice(1)) - 1) % this.partitions;
    const partitioned = {
      PUBLIC_URL: 'ws://p{partition}.test',
      LOG_PARTITIONS: String(this.partitions),
      LOG_PARTITION: String(partition),
    };
    const process = await GatewayProcess.start(
      {
        ...ENV,
        AMQP_URL: this.broker.url,
        AMQP_PREFIX: this.prefix,
        ...(this.partitions > 1 && partitioned),
        ...this.options.env,
      },
      { main: this.options.main },
    );
    const gateway: Gateway = { name, base: process.base, process, partition, up: true };
    const place = this.gateways.findIndex((one) => one.name === name);
    if (place === -1) this.gateways.push(gateway);
    else this.gateways[place] = gateway;
    void process.exited().then((status) => {
      this.history.add({ kind: 'exit', gateway: name, status, expected: !gateway.up });
    });
    return gateway;
  }

  addClient(identity: Identity, options: { readonly cursor?: string } = {}): FaultClient {
    const client = new FaultClient(identity, this, this.history, options);
    this.clients.push(client);
    return client;
  }

  /** Does something with a connection of its own to the broker. */
  async onBroker<T>(work: (channel: amqp.Channel) => Promise<T>): Promise<T> {
    const connection = await amqp.connect(this.broker.url.split(',')[0] ?? '');
    connection.on('error', () => undefined);
    try {
      return await work(await connection.createChannel());
    } finally {
      await connection.close().catch(() => undefined);
    }
  }

  /** Messages, waiting or unacknowledged, in the queues of handlers and of retries, by those that hold any. */
  async waiting(): Promise<ReadonlyMap<string, number>> {
    const name = 'binary_to_list(element(4, amqqueue:get_name(Q)))';
    const isOurs = ['handler', 'retry']
      .map((kind) => `lists:prefix("${this.prefix}.${kind}.", ${name})`)
      .join(' orelse ');
    // Asked of the queue itself: what the broker tells of its queues is seconds old.
    const total = 'fun rabbit_fifo:query_messages_total/1';
    const messages = `element(2, element(2, ra:leader_query(amqqueue:get_pid(Q), ${total})))`;
    const queues = `Q <- rabbit_amqqueue:list(), ${isOurs}`;
    const answer = await this.broker.evaluate(`[{${name}, ${messages}} || ${queues}]`);
    const rows = [...answer.matchAll(/\{"([^"]*)",\s*(\d+)\}/g)];
    if (rows.length === 0) throw new Error(`no queues in ${answer}`);
    return new Map(
      rows.flatMap(([, queue = '', count]) => (count === '0' ? [] : [[queue, Number(count)]])),
    );
  }

  async stop(): Promise<void> {
    for (const client of this.clients) client.close();
    await this.amqp.stop();
    for (const gateway of this.gateways) {
      gateway.up = false;
      gateway.process.signal('SIGCONT');
    }
    await Promise.all(this.gateways.map(({ process }) => process.kill9()));
  }
}
