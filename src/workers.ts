import cluster, { type Worker } from 'node:cluster';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';

import type { LoggerService } from '@nestjs/common';

import type { ToPrimary, ToWorker } from './infrastructure/observability/workers-page';
import { listens } from './listens';
import { endHandover } from './worker-handover';

/** Exit status for a wrong configuration (EX_CONFIG of sysexits.h). */
export const EX_CONFIG = 78;
/** ms before a worker that ended is replaced: doubled for each that ended young, up to the longest. */
const FIRST_DELAY = 100;
const LONGEST_DELAY = 10_000;
/** ms of listening after which a worker's end is no longer laid to its start. */
const GROWN = 60_000;

/** ms between two signs of life of a worker that listens. */
export const BEAT = 5000;
/** Beats in a row that a worker may miss: from 30 s on it hangs, or was stopped, and its clients have given it up. */
const HUNG = 6;

/** Among the arguments of a worker: node:cluster may as well be another program's, such as pm2. */
const MARK = '--worker';

/** What a worker says once, when it listens. */
export interface Listening {
  readonly kind: 'listening';
  readonly port: number;
}

/** What a worker says every BEAT ms from then on. */
export interface Beat {
  readonly kind: 'beat';
}

/** The last words of a worker that cannot start. */
export interface Failed {
  readonly kind: 'failed';
  readonly reason: string;
}

/** What the primary passes on when it gets SIGHUP: not the signal, which ends a worker that has only just been forked. */
export interface HangUp {
  readonly kind: 'hang up';
}

/** Says for as long as this process runs that it is not hung. What the primary has not taken yet is not said again. */
export function beat(): void {
  let isTaken = true;
  setInterval(() => {
    if (!isTaken) return;
    isTaken = false;
    process.send?.({ kind: 'beat' } satisfies Beat, () => {
      isTaken = true;
    });
  }, BEAT).unref();
}

/** How all workers came to their end; with `reason` when nobody asked for it. */
export interface Ending {
  readonly status: number;
  readonly reason?: string;
}

/** Starts one worker of this program. */
export function fork(env: Readonly<Record<string, string>>): Worker {
  cluster.setupPrimary({ args: [...process.argv.slice(2), MARK] });
  const worker = cluster.fork(env);
  endHandover(worker);
  return worker;
}

/** True in a process that `fork` has started. */
export function isOwnWorker(): boolean {
  return cluster.isWorker && process.argv.includes(MARK);
}

/**
 * True where each worker can have a socket of its own on the port, among which the system shares out connections
 * (`reusePort` of net.Server: Node.js 22.12, 23.1; Linux). Elsewhere the primary takes them and hands them over.
 */
export function canSharePort(
  node: string = process.versions.node,
  platform: NodeJS.Platform = process.platform,
): boolean {
  const [major = 0, minor = 0] = node.split('.').map(Number);
  return (
    platform === 'linux' && (major === 22 ? minor >= 12 : major === 23 ? minor >= 1 : major > 23)
  );
}

/**
 * The port that workers can listen on together, another than `port` only where that is 0. Rejects with a sentence when it
 * is taken: each worker would say so, and of sockets that share it none would notice.
 */
export async function portToShare(host: string, port: number): Promise<number> {
  const server = createServer();
  server.listen({ host, port, exclusive: true });
  await listens(once(server, 'listening'));
  const address = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return address.port;
}

type Log = Pick<LoggerService, 'log' | 'warn' | 'error'>;

/**
 * The primary's side of node:cluster: processes that share a port, each a whole node. One that ends is replaced, and one
 * that hangs is killed; but when one cannot start before all have listened once, or says that the configuration is wrong,
 * all of them end.
 */
export class Workers {
  private readonly alive = new Set<Worker>();
  /** Those that listen, with the beats that each has missed in a row. */
  private readonly listening = new Map<Worker, number>();
  private readonly delays = new Set<NodeJS.Timeout>();
  private restarts = 0;
  private announced = false;
  private ending: Ending | undefined;
  private limit: NodeJS.Timeout | undefined;
  private watch: NodeJS.Timeout | undefined;
  private onListening: (port: number) => void = () => undefined;
  private onEnded: (ending: Ending) => void = () => undefined;

  /** `stopLimit`: ms after which workers that do not end are killed. */
  constructor(
    private readonly count: number,
    private readonly fork: () => Worker,
    private readonly log: Log,
    private readonly stopLimit: number,
  ) {}

  /** Starts them; `onListening` is called once, when all listen. Resolves when the last one has ended. */
  run(onListening: (port: number) => void): Promise<Ending> {
    this.onListening = onListening;
    return new Promise((resolve) => {
      this.onEnded = resolve;
      for (let i = 0; i < this.count; i += 1) this.begin(0);
      // Beats of its own are counted, no time: when all were stopped, or the machine slept, none was missed.
      this.watch = setInterval(() => {
        this.killHung();
      }, BEAT);
    });
  }

  /** Has all of them drain. */
  stop(): void {
    this.end({ status: 0 });
  }

  /** Passes a SIGHUP on, also to those that do not listen yet. */
  hangUp(): void {
    for (const worker of this.alive) tell(worker, { kind: 'hang up' });
  }

  /** `deaths`: of workers before it in its place, counted from the last one that had grown old. */
  private begin(deaths: number): void {
    const worker = this.fork();
    this.alive.add(worker);
    let listeningSince: number | undefined;
    let reason: string | undefined;
    worker.on('message', (message: ToPrimary | Listening | Beat | Failed) => {
      if (this.listening.has(worker)) this.listening.set(worker, 0);
      if (message.kind === 'failed') reason = message.reason;
      else if (message.kind === 'listening') {
        listeningSince = performance.now();
        this.listens(worker, message.port);
      } else if (message.kind !== 'beat') this.relay(worker, message);
    });
    const unmade = new Promise<string>((resolve) => {
      worker.on('error', (error) => {
        this.log.error(`worker ${String(worker.id)}: ${error.message}`);
        // A process that the system does not make ends without having begun: Node.js tells of no exit, nor always of a
        // disconnect.
        if (worker.process.pid === undefined) resolve('not started');
      });
    });
    // Its last words may be read after its end is known; the line closes when all of them are.
    const gone = [
      new Promise<number | string>((resolve) => {
        worker.once('exit', (code: number | null, signal: string | null) => {
          resolve(signal ?? code ?? 1);
        });
      }),
      new Promise<void>((resolve) => {
        worker.once('disconnect', resolve);
      }),
    ] as const;
    void Promise.race([unmade, Promise.all(gone).then(([how]) => how)]).then((how) => {
      const grown = listeningSince !== undefined && performance.now() - listeningSince > GROWN;
      this.ended(worker, how, reason, grown ? 1 : deaths + 1);
    });
  }

  private listens(worker: Worker, port: number): void {
    this.listening.set(worker, 0);
    if (this.announced || this.listening.size < this.count) return;
    this.announced = true;
    this.onListening(port);
  }

  /** Its end does the rest. */
  private killHung(): void {
    for (const [worker, missed] of this.listening) {
      this.listening.set(worker, missed + 1);
      if (missed + 1 !== HUNG) continue;
      const seconds = String((HUNG * BEAT) / 1000);
      this.log.error(`worker ${String(worker.id)} gave no sign of life for ${seconds} s: killed`);
      worker.process.kill('SIGKILL');
    }
  }

  /** `how`: the exit status, or the signal by which it ended. */
  private ended(
    worker: Worker,
    how: number | string,
    reason: string | undefined,
    deaths: number,
  ): void {
    const listened = this.listening.delete(worker);
    this.alive.delete(worker);
    if (this.ending !== undefined) {
      if (listened && how !== 0 && this.ending.status === 0) this.ending = { status: 1 };
    } else if (this.announced || listened) {
      if (how === EX_CONFIG) this.end(endingBy(how, reason));
      else this.replace(worker, how, reason, deaths);
    } else {
      this.end(endingBy(how, reason));
    }
    this.finish();
  }

  private replace(
    worker: Worker,
    how: number | string,
    reason: string | undefined,
    deaths: number,
  ): void {
    const delay = Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** (deaths - 1));
    const why = reason === undefined ? '' : `: ${reason}`;
    this.log.warn(
      `worker ${String(worker.id)} ended (${String(how)})${why}; another one starts in ${String(delay)} ms`,
    );
    this.later(deaths, delay);
  }

  private later(deaths: number, delay: number): void {
    const timer = setTimeout(() => {
      this.delays.delete(timer);
      try {
        this.begin(deaths);
        this.restarts += 1;
      } catch (error) {
        // Node.js throws for what it does not expect, such as ENOMEM; the others go on.
        this.log.error(`no other worker: ${String(error)}`);
        this.later(deaths, LONGEST_DELAY);
      }
    }, delay);
    this.delays.add(timer);
  }

  private end(ending: Ending): void {
    if (this.ending !== undefined) return;
    this.ending = ending;
    clearInterval(this.watch);
    for (const timer of this.delays) clearTimeout(timer);
    for (const { process } of this.alive) process.kill('SIGTERM');
    this.limit = setTimeout(() => {
      this.log.error('the shutdown of a worker took too long');
      for (const { process } of this.alive) process.kill('SIGKILL');
    }, this.stopLimit);
    this.finish();
  }

  private finish(): void {
    if (this.ending === undefined || this.alive.size > 0) return;
    clearTimeout(this.limit);
    this.onEnded(this.ending);
  }

  /** Takes a question for metrics to the other workers that listen, and each answer back. */
  private relay(worker: Worker, message: ToPrimary): void {
    const { request } = message;
    if (message.kind === 'ask') {
      const others = [...this.listening.keys()].filter((other) => other !== worker);
      tell(worker, { kind: 'asking', request, others: others.length, restarts: this.restarts });
      for (const other of others) tell(other, { kind: 'asked', asker: worker.id, request });
      return;
    }
    const { asker, page } = message;
    const one = [...this.listening.keys()].find(({ id }) => id === asker);
    if (one !== undefined) tell(one, { kind: 'answered', request, page });
  }
}

function endingBy(how: number | string, reason: string | undefined): Ending {
  const status = typeof how === 'number' && how !== 0 ? how : 1;
  return { status, reason: reason ?? `a worker ended before it listened (${String(how)})` };
}

function tell(worker: Worker, message: ToWorker | HangUp): void {
  if (worker.isConnected()) worker.send(message);
}
