import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

import { eventually } from './eventually';
import { freePort } from './rabbitmq-node';
import { endWithRun } from './run-folder';
import { JWT_SECRET, SERVICE_KEY } from './test-node';
import { tokenOf } from './token-of';

/** What is run, the build of `src` when absent, and by which Node.js, that of the tests when absent. */
interface Program {
  readonly main?: string | undefined;
  readonly node?: string | undefined;
}

/** `node dist/main.js` as a process of its own, to be killed. */
export class GatewayProcess {
  private output = '';

  private constructor(
    private readonly child: ChildProcess,
    readonly port: number,
  ) {
    endWithRun(child);
    child.stdout?.on('data', (data: Buffer) => (this.output += data.toString()));
    child.stderr?.on('data', (data: Buffer) => (this.output += data.toString()));
  }

  /** Starts the process and does not wait for anything. */
  static async spawn(
    env: Readonly<Record<string, string>>,
    { main = 'dist/main.js', node = process.execPath }: Program = {},
  ): Promise<GatewayProcess> {
    const port = Number(env['PORT'] ?? (await freePort()));
    const child = spawn(node, [main], {
      env: {
        PATH: process.env['PATH'],
        PORT: String(port),
        HOST: '127.0.0.1',
        LOG_LEVEL: 'warn',
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    return new GatewayProcess(child, port);
  }

  /** Starts the process and waits until it is ready. */
  static async start(
    env: Readonly<Record<string, string>>,
    program?: Program,
  ): Promise<GatewayProcess> {
    const gateway = await GatewayProcess.spawn(
      {
        SERVICE_KEYS: `all:token+push+admin:${SERVICE_KEY}`,
        JWT_SECRET,
        ...env,
      },
      program,
    );
    try {
      await eventually(
        async () => {
          expect((await fetch(`${gateway.base}/health/ready`)).status).toBe(200);
        },
        { within: 30_000 },
      );
    } catch (error) {
      gateway.child.kill('SIGKILL');
      throw new Error(`no gateway that is ready: ${gateway.output}`, { cause: error });
    }
    return gateway;
  }

  get base(): string {
    return `http://127.0.0.1:${String(this.port)}`;
  }

  get pid(): number {
    return this.child.pid ?? -1;
  }

  /** What it has written to stdout and stderr. */
  get text(): string {
    return this.output;
  }

  /** A token for a user, of this gateway. */
  async token(uniqueId: string): Promise<string> {
    const response = await fetch(`${this.base}/websocket/token?uniqueId=${uniqueId}`, {
      headers: { authorization: `Bearer ${SERVICE_KEY}` },
    });
    return tokenOf(((await response.json()) as { data: string }).data);
  }

  socketUrl(token: string): string {
    return `ws://127.0.0.1:${String(this.port)}/socket/${token}`;
  }

  /** From now on what it writes fails (EPIPE). */
  closeOutput(): void {
    this.child.stdout?.destroy();
    this.child.stderr?.destroy();
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Resolves to the exit status, null after a signal. */
  async exited(): Promise<number | null> {
    if (this.child.exitCode === null && this.child.signalCode === null)
      await once(this.child, 'exit');
    return this.child.exitCode;
  }

  async kill9(): Promise<void> {
    this.signal('SIGKILL');
    await this.exited();
  }
}
