import { execFile, spawn, type ChildProcess } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { eventually } from './eventually';

const BIN = '/usr/lib/rabbitmq/bin';
const BOOT = 90_000;
const run = promisify(execFile);

/** A port that nobody listens on now. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => {
        resolve(typeof address === 'object' && address !== null ? address.port : 0);
      });
    });
  });
}

/** A RabbitMQ server of the tests' own: free ports, a temporary folder, killed and restarted at will. */
export class RabbitMqNode {
  private child: ChildProcess | undefined;

  private constructor(
    private readonly folder: string,
    readonly port: number,
    private readonly env: NodeJS.ProcessEnv,
  ) {}

  static async start(): Promise<RabbitMqNode> {
    if (!existsSync(join(BIN, 'rabbitmq-server'))) {
      throw new Error('RabbitMQ is missing: install it with `apt-get install rabbitmq-server`.');
    }
    const folder = mkdtempSync(join(tmpdir(), 'wirepost-rabbitmq-'));
    const [port, dist, epmd] = [await freePort(), await freePort(), await freePort()];
    for (const name of ['home', 'mnesia', 'log']) mkdirSync(join(folder, name));
    writeFileSync(join(folder, 'plugins'), '[].');
    writeFileSync(
      join(folder, 'rabbitmq.conf'),
      `listeners.tcp.1 = 127.0.0.1:${String(port)}\nlog.file.level = warning\ndisk_free_limit.absolute = 100MB\n`,
    );
    const node = new RabbitMqNode(folder, port, {
      ...process.env,
      HOME: join(folder, 'home'),
      RABBITMQ_NODENAME: `t${String(port)}@localhost`,
      RABBITMQ_MNESIA_BASE: join(folder, 'mnesia'),
      RABBITMQ_LOG_BASE: join(folder, 'log'),
      RABBITMQ_CONFIG_FILE: join(folder, 'rabbitmq'),
      RABBITMQ_ENABLED_PLUGINS_FILE: join(folder, 'plugins'),
      RABBITMQ_CONF_ENV_FILE: '/dev/null',
      RABBITMQ_DIST_PORT: String(dist),
      RABBITMQ_PID_FILE: join(folder, 'pid'),
      RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '-kernel inet_dist_use_interface {127,0,0,1}',
      ERL_EPMD_PORT: String(epmd),
      ERL_EPMD_ADDRESS: '127.0.0.1',
      ERL_CRASH_DUMP: '/dev/null',
    });
    try {
      await node.boot();
    } catch (error) {
      await node.stop();
      throw error;
    }
    return node;
  }

  get url(): string {
    return `amqp://guest:guest@127.0.0.1:${String(this.port)}`;
  }

  /** What another process needs to reach this node by `rabbitmqctl`. */
  get description(): string {
    return JSON.stringify({ folder: this.folder, port: this.port, env: this.env });
  }

  /** The node that another process started. */
  static of(description: string): RabbitMqNode {
    const { folder, port, env } = JSON.parse(description) as {
      folder: string;
      port: number;
      env: NodeJS.ProcessEnv;
    };
    return new RabbitMqNode(folder, port, env);
  }

  /** Starts the server and waits until it takes connections. */
  async boot(): Promise<void> {
    this.child = spawn(join(BIN, 'rabbitmq-server'), [], {
      env: this.env,
      stdio: 'ignore',
      detached: true,
    });
    await eventually(() => this.ctl('await_startup', '--timeout', '60'), { within: BOOT });
  }

  async ctl(...args: readonly string[]): Promise<string> {
    const { stdout } = await run(join(BIN, 'rabbitmqctl'), ['-q', ...args], { env: this.env });
    return stdout;
  }

  /**
   * Writes the names of new Raft clusters to disk. RabbitMQ 3.10 does so only some seconds after the first stream was
   * declared; a server killed before has lost its stream coordinator and with it the stream, for good (measured).
   */
  async settle(): Promise<void> {
    await this.ctl('eval', '[dets:sync(T) || T <- dets:all()], ok.');
  }

  /** Ends it as a power cut would end the process. */
  async kill9(): Promise<void> {
    process.kill(this.pid, 'SIGKILL');
    await this.ended();
  }

  async stop(): Promise<void> {
    try {
      process.kill(this.pid, 'SIGTERM');
      await eventually(() => this.ended(), { within: 15_000 });
    } catch {
      this.killAll();
    }
    this.killEpmd();
    rmSync(this.folder, { recursive: true, force: true });
  }

  signal(signal: NodeJS.Signals): void {
    process.kill(this.pid, signal);
  }

  /** Of the server. Throws while there is no pid: 0 would mean the group of this very process. */
  get pid(): number {
    const pid = Number(readFileSync(join(this.folder, 'pid'), 'utf8'));
    if (!Number.isInteger(pid) || pid < 2) throw new Error('the server has no process');
    return pid;
  }

  private async ended(): Promise<void> {
    const { pid } = this;
    await eventually(() => {
      if (existsSync(`/proc/${String(pid)}`) && !isZombie(pid)) throw new Error('still running');
    });
  }

  private killAll(): void {
    try {
      if (this.child?.pid !== undefined) process.kill(-this.child.pid, 'SIGKILL');
    } catch {
      // It was dead already.
    }
  }

  /** Erlang's port mapper outlives the server; this one is ours by its port. */
  private killEpmd(): void {
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      try {
        const isEpmd = readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('epmd');
        const environment = readFileSync(`/proc/${pid}/environ`, 'utf8');
        if (isEpmd && environment.includes(`ERL_EPMD_PORT=${String(this.env['ERL_EPMD_PORT'])}`)) {
          process.kill(Number(pid), 'SIGTERM');
        }
      } catch {
        // The process has ended meanwhile, or is not ours to see.
      }
    }
  }
}

function isZombie(pid: number): boolean {
  try {
    return readFileSync(`/proc/${String(pid)}/stat`, 'utf8').includes(') Z ');
  } catch {
    return true;
  }
}
