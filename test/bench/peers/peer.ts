import type { OpenPlan } from '../generator/commands';
import { SEQUENCE, STAMP } from '../generator/template';

/** What the connections are for: everything to everybody, to one user each, or to wait. */
export type Purpose = 'broadcast' | 'users' | 'idle';

/** How a peer is given messages to deliver. */
export type Feed =
  | {
      readonly kind: 'amqp';
      readonly exchange: string;
      /** Key i is for messages to user i, counted round and round. */
      readonly routingKeys: readonly string[];
      readonly body: string;
    }
  | {
      readonly kind: 'socket';
      readonly path: string;
      readonly greetings: number;
      readonly hello: string;
      readonly frame: string;
    };

export interface UpstreamFeed {
  readonly frame: string;
  /** A text that every good answer holds. */
  readonly answer: string;
  /** The queue in which everything that was answered must be; undefined without a broker. */
  readonly queue: string | undefined;
}

/** A peer whose processes run. */
export interface RunningPeer {
  readonly port: number;
  readonly serverPid: number;
  /** Processes that share the work with it, where there are any. */
  readonly otherPids?: readonly number[];
  /** False: what the broker does has nothing to do with it. */
  readonly usesBroker: boolean;
  /** Connection i belongs to user i. */
  connections(count: number, purpose: Purpose): Promise<Omit<OpenPlan, 'inFlight'>>;
  /** Messages to everybody, or to one of so many users each. */
  feed(purpose: Exclude<Purpose, 'idle'>, users: number): Feed;
  upstream(): UpstreamFeed;
  stop(): Promise<void>;
}

export interface Peer {
  readonly name: string;
  start(): Promise<RunningPeer>;
}

/** Of what every message carries. */
export const CONTENT_BYTES = 300;

/** What every message carries, whoever delivers it, as JSON. */
export function content(): string {
  const head = `{"id":"${SEQUENCE}","ts":"${STAMP}","type":"order.updated","pad":"`;
  return `${head.padEnd(CONTENT_BYTES - 2, 'x')}"}`;
}
