import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

import { SERVICE_KEY } from './test-node';

export type SwarmCommand =
  /** Where connections go from now on, in turn. */
  | { readonly do: 'lead'; readonly bases: readonly string[] }
  | { readonly do: 'join'; readonly count: number; readonly prefix: string; readonly key: string }
  /** Times count from here. */
  | { readonly do: 'mark' }
  | { readonly do: 'stall'; readonly stalled: boolean }
  | { readonly do: 'report' };

export interface SwarmReport {
  readonly clients: number;
  readonly connected: number;
  /** Clients whose connection has ended since the mark. */
  readonly lost: number;
  /** ms from the mark to each lost client's next welcome, ascending. */
  readonly resumedAfter: readonly number[];
  /** Bodies that all clients got together, and that the one with most got. */
  readonly received: number;
  readonly most: number;
  /** How many clients got the same messages in the same order, the largest group first; one group: all got the same. */
  readonly digests: readonly number[];
  /** How many clients got which message last. */
  readonly last: Readonly<Record<string, number>>;
  readonly gaps: number;
  readonly duplicates: number;
  /** How often each close code came since the mark. */
  readonly closes: Readonly<Record<string, number>>;
}

/** Thousands of lean clients in a process of their own, so that they take no time from the tests' own. */
export class Swarm {
  private next = 0;
  private readonly waiting = new Map<number, (report: SwarmReport) => void>();

  private constructor(private readonly child: ChildProcess) {
    child.on('message', ({ id, answer }: { id: number; answer: SwarmReport }) => {
      this.waiting.get(id)?.(answer);
      this.waiting.delete(id);
    });
  }

  /** A swarm without clients that will connect to these gateways in turn. */
  static async at(...bases: readonly string[]): Promise<Swarm> {
    const execArgv = ['-r', join(__dirname, 'typescript.cjs')];
    const swarm = new Swarm(fork(join(__dirname, 'swarm-program.ts'), { execArgv }));
    await swarm.lead(...bases);
    return swarm;
  }

  lead(...bases: readonly string[]): Promise<SwarmReport> {
    return this.tell({ do: 'lead', bases });
  }

  /** More clients; resolves when each is welcomed or has failed once. */
  join(count: number, prefix = 'swarm-'): Promise<SwarmReport> {
    return this.tell({ do: 'join', count, prefix, key: SERVICE_KEY });
  }

  mark(): Promise<SwarmReport> {
    return this.tell({ do: 'mark' });
  }

  stall(stalled: boolean): Promise<SwarmReport> {
    return this.tell({ do: 'stall', stalled });
  }

  report(): Promise<SwarmReport> {
    return this.tell({ do: 'report' });
  }

  async end(): Promise<void> {
    const ended = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await ended;
  }

  private tell(command: SwarmCommand): Promise<SwarmReport> {
    const id = (this.next += 1);
    return new Promise((resolve) => {
      this.waiting.set(id, resolve);
      this.child.send({ id, command });
    });
  }
}
