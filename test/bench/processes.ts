import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';

import { eventually } from '../support/eventually';

const START_LIMIT = 120_000;
const STOP_LIMIT = 8000;

const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** A server that the bench has started. */
export class ServerProcess {
  private output = '';

  private constructor(private readonly child: ChildProcess) {
    running.add(child);
    child.once('exit', () => running.delete(child));
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (data: Buffer) => (this.output += data.toString()));
  }

  /** Starts a Node program and waits until `ready` holds. */
  static async start(
    args: readonly string[],
    env: Readonly<Record<string, string>>,
    ready: () => Promise<void>,
  ): Promise<ServerProcess> {
    const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    const server = new ServerProcess(child);
    try {
      await eventually(
        async () => {
          server.checkAlive();
          await ready();
        },
        { within: START_LIMIT },
      );
    } catch (error) {
      await server.stop();
      throw new Error(`${args.join(' ')} does not start: ${server.output}`, { cause: error });
    }
    return server;
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** What it has written; the bench runs servers so that only trouble is written. */
  get text(): string {
    return this.output;
  }

  async stop(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = once(this.child, 'exit');
    this.child.kill('SIGTERM');
    const timer = setTimeout(() => this.child.kill('SIGKILL'), STOP_LIMIT);
    await ended;
    clearTimeout(timer);
  }

  private checkAlive(): void {
    if (this.child.exitCode !== null) throw new Error('it has ended');
  }
}

/** Rejects while nobody listens on a port. */
export function listening(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve();
    });
    socket.once('error', reject);
  });
}
