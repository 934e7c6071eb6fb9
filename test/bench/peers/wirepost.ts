import { setTimeout as wait } from 'node:timers/promises';

import type { Broker } from '../broker';
import { SEQUENCE, USER, userName } from '../generator/template';
import { childrenOf } from '../machine';
import { content, type Feed, type Peer, type Purpose, type RunningPeer } from './peer';
import { BUSINESS, WirepostNodes } from './wirepost-nodes';

/** What scenarios of the product alone need on top. */
export interface RunningWirepost extends RunningPeer {
  readonly key: string;
  readonly base: string;
  /** Of all nodes that were started with it. */
  readonly ports: readonly number[];
  body(purpose: Exclude<Purpose, 'idle'>): string;
  /** How a backend publishes that knows of no partitions. */
  unplacedFeed(purpose: Exclude<Purpose, 'idle'>): Feed;
  /** Starts another node on the same log and returns its process; it ends with this one. */
  another(): Promise<number>;
  /** The value of a metric without labels; NaN when there is none. */
  metric(name: string): Promise<number>;
}

export interface Wirepost extends Peer {
  /** Of all partitions together. */
  readonly nodes: number;
  readonly partitions: number;
  start(how?: Start): Promise<RunningWirepost>;
}

/** What a scenario decides about all nodes that it starts. */
export interface Start {
  readonly env?: Readonly<Record<string, string>>;
  /** Of each node, in place of what the setup says. */
  readonly workers?: number;
}

/** How the product is set up; one node on one log when nothing is said. */
export interface Setup {
  readonly name?: string;
  readonly partitions?: number;
  /** Of each partition. */
  readonly nodes?: number;
  /** Of each node; 1 = it is one process. */
  readonly workers?: number;
  /** Connections use connect tokens, each of which is claimed through the log besides. */
  readonly singleUse?: boolean;
  /** Connections do not ask for the subprotocol, and so get no welcome. */
  readonly plain?: boolean;
  /** Path of the program, asked for at each start. */
  readonly program?: () => string;
}

/** ms for each worker after which all of them listen, where the first one did not take longer. */
const WORKER_START = 1000;
/** What `npm run build` makes. */
const PROGRAM = 'dist/main.js';

let started = 0;

/**
 * The product as it is started in production, nothing turned off. Connections use reconnect tokens, whose signature is
 * verified. Each user is connected to a node of its partition.
 */
export function wirepost(
  broker: Broker,
  {
    name = 'Wirepost',
    partitions = 1,
    nodes = 1,
    workers: usualWorkers = 1,
    singleUse = false,
    plain = false,
    program = () => PROGRAM,
  }: Setup = {},
): Wirepost {
  return {
    name,
    partitions,
    nodes: partitions * nodes,
    async start({ env = {}, workers = usualWorkers } = {}) {
      started += 1;
      const prefix = `wirepost${String(started)}`;
      const since = performance.now();
      const running = await WirepostNodes.start(broker, {
        ...{ prefix, partitions, nodes },
        env: { WORKERS: String(workers), ...env },
        program: program(),
      });
      await broker.sink(`${prefix}.sink`, `${prefix}.upstream`, BUSINESS);
      // That one worker is ready does not say that the others listen.
      if (workers > 1) await wait(Math.max(workers * WORKER_START, performance.now() - since));
      const [serverPid = 0, ...otherPids] = running.pids.flatMap((pid) => [
        pid,
        ...childrenOf(pid),
      ]);
      const unplacedFeed = (purpose: Exclude<Purpose, 'idle'>): Feed => ({
        kind: 'amqp',
        exchange: `${prefix}.push`,
        routingKeys: [''],
        body: bodyFor(purpose),
      });
      return {
        port: running.port,
        ports: running.ports,
        serverPid,
        otherPids,
        usesBroker: true,
        key: running.key,
        base: running.base,
        body: bodyFor,
        another: () => running.another(),
        metric: (name) => running.metric(name),
        connections: async (count) => ({
          ...(await running.entrances(count, singleUse ? 'connect' : 'reconnect')),
          protocol: plain ? '' : 'wirepost.v1',
          greetings: plain ? 0 : 1,
          hello: '',
        }),
        feed: (purpose, users) => {
          const feed = unplacedFeed(purpose);
          if (partitions === 1 || purpose === 'broadcast') return feed;
          const keys = Array.from({ length: users }, (_, i) => running.partitionOf(userName(i)));
          return { ...feed, exchange: `${prefix}.partition`, routingKeys: keys };
        },
        unplacedFeed,
        upstream: () => ({ frame: upstreamFrame(), answer: '"accepted"', queue: `${prefix}.sink` }),
        async stop() {
          await running.stop();
          await broker.deleteQueues(`${prefix}.`);
        },
      };
    },
  };
}

function bodyFor(purpose: Exclude<Purpose, 'idle'>): string {
  const address =
    purpose === 'users' ? `"sendType":"UNICAST","toUniqueId":"${USER}"` : '"sendType":"BROADCAST"';
  return `{${address},"messageType":"SERVER_TO_CLIENT","businessType":"${BUSINESS}","content":${content()}}`;
}

function upstreamFrame(): string {
  return `{"sendType":"UNICAST","messageType":"CLIENT_TO_SERVER","businessType":"${BUSINESS}","messageId":"${SEQUENCE}","content":${content()}}`;
}
