import type { Spread } from './latencies';

/** Connections to open; line i of `paths` is connection i, and goes to port i, counted round and round. */
export interface OpenPlan {
  readonly ports: readonly number[];
  readonly paths: readonly string[];
  /** The subprotocol to offer; empty = none. */
  readonly protocol: string;
  /** Text frames that come before the messages. */
  readonly greetings: number;
  /** A text frame to answer the first greeting with; empty = none. */
  readonly hello: string;
  /** Handshakes on their way at a time. */
  readonly inFlight: number;
}

export interface Opened {
  readonly open: number;
  readonly seconds: number;
  /** What went wrong with the first one that did not open; empty = nothing. */
  readonly problem: string;
}

export interface Collected {
  readonly received: number;
  /** What was read of the sockets for them, heads of frames included. */
  readonly bytes: number;
  /** µs of the shared clock. */
  readonly firstAt: number;
  readonly lastAt: number;
  /** What each connection has received. */
  readonly counts: readonly number[];
  /** Connections that were closed by the server. */
  readonly closed: number;
  readonly spread: Spread | undefined;
}

/** How fast to send: as many as `window` lets be unanswered, or at a rate. */
export interface Pace {
  readonly count: number;
  /** Messages a second; 0 = as fast as the window lets. */
  readonly rate: number;
  readonly window: number;
}

export interface AmqpPlan extends Pace {
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly exchange: string;
  /** Key i is for messages to user i, counted round and round. */
  readonly routingKeys: readonly string[];
  readonly body: string;
  /** Messages go to a random one of so many users. */
  readonly users: number;
}

export interface SocketPlan extends Pace {
  readonly port: number;
  readonly path: string;
  readonly greetings: number;
  readonly hello: string;
  readonly frame: string;
}

export interface HttpPlan extends Pace {
  /** Connection i goes to port i, counted round and round. */
  readonly ports: readonly number[];
  readonly path: string;
  readonly key: string;
  readonly body: string;
  readonly users: number;
  readonly connections: number;
  /** Bodies in one request; 0 = one that is no list. */
  readonly batch: number;
}

export interface Published {
  readonly sent: number;
  /** Messages the other side has confirmed, as far as it confirms. */
  readonly confirmed: number;
  readonly seconds: number;
  /** Messages to each user. */
  readonly counts: readonly number[];
  /** The first refusal; empty = none. */
  readonly problem: string;
  /** From sending to the confirmation. */
  readonly spread: Spread | undefined;
}

export interface UpstreamPlan {
  readonly frame: string;
  /** A text that every good answer holds. */
  readonly answer: string;
  /** Unanswered messages of each connection; only when `rate` is 0. */
  readonly window: number;
  readonly rate: number;
  /** ms that are not measured, and ms that are. */
  readonly warmUp: number;
  readonly duration: number;
}

export interface Exchanged {
  readonly sent: number;
  readonly answered: number;
  /** Answers without the text. */
  readonly refused: number;
  /** Good answers a second while it was measured. */
  readonly rate: number;
  readonly spread: Spread | undefined;
}

/** What a generator process does when its parent asks. */
export interface Commands {
  open(plan: OpenPlan): Promise<Opened>;
  /** From now on what comes is counted, from zero; with `latency` what it says about its age is read as well. */
  begin(plan: { readonly latency: boolean }): Promise<void>;
  /** Resolves when so many came or none has come for `quiet` ms, and `linger` ms later, so that surplus shows. */
  collect(plan: {
    readonly expected: number;
    readonly quiet: number;
    readonly linger: number;
  }): Promise<Collected>;
  /** Sends a byte on the first connection, which is what the blaster waits for. */
  trigger(): Promise<void>;
  upstream(plan: UpstreamPlan): Promise<Exchanged>;
  close(): Promise<void>;
  publishAmqp(plan: AmqpPlan): Promise<Published>;
  publishSocket(plan: SocketPlan): Promise<Published>;
  pushHttp(plan: HttpPlan): Promise<Published>;
}
