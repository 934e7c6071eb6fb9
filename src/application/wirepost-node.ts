import type { HandlerRunner } from './handlers/handler-runner';
import type { Broker } from './ports/broker';
import type { HandlerQueues } from './ports/upstream';

/** ms between two beats of everything that waits for a deadline. */
const BEAT = 1000;

/** A log that this node reads while it runs. */
export interface ReadLog {
  /** Reads what is at most `maxAge` ms old, or as far back as the log is needed; resolves when the reader is set up. */
  start(maxAge: number): Promise<void>;
  /** Looks after everything that waits for a deadline; called once a second. */
  beat(): void;
  stop(): Promise<void>;
}

/** The connections of this node, seen by its shutdown. */
interface Connections {
  /** Sends every client elsewhere; resolves when all are told. */
  drain(): Promise<void>;
}

/** Starts and stops what a node does, in order. */
export class WirepostNode {
  private timer: NodeJS.Timeout | undefined;
  private stopped: Promise<void> | undefined;
  stopping = false;

  constructor(
    private readonly broker: Broker,
    private readonly logs: ReadonlySet<ReadLog>,
    private readonly handlers: HandlerRunner,
    private readonly queues: HandlerQueues,
    private readonly connections: Connections,
    private readonly settings: { readonly windowMaxAge: number; readonly drainTimeout: number },
  ) {}

  /** Connects, starts to read the log and the handlers' queues. It is ready once its first probe came back. */
  async start(): Promise<void> {
    await this.broker.connect();
    for (const log of this.logs) await log.start(this.settings.windowMaxAge);
    await this.handlers.start();
    this.timer = setInterval(() => {
      for (const log of this.logs) log.beat();
    }, BEAT);
  }

  /** Stops in the order that loses nothing: no new work, finish what runs, send clients elsewhere, let go. */
  stop(): Promise<void> {
    this.stopped ??= this.shutDown();
    return this.stopped;
  }

  private async shutDown(): Promise<void> {
    this.stopping = true;
    await Promise.all([this.queues.stop(this.settings.drainTimeout), this.connections.drain()]);
    this.handlers.abandon();
    clearInterval(this.timer);
    for (const log of this.logs) await log.stop();
    await this.broker.close();
  }
}
