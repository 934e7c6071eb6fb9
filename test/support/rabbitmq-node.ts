import { execFile, execFileSync, spawn, type ChildProcess } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { eventually } from './eventually';

/** Folder of `rabbitmq-server` and `rabbitmqctl`; `TEST_RABBITMQ` names that of another version. */
const BIN = process.env['TEST_RABBITMQ'] ?? '/usr/lib/rabbitmq/bin';
const BOOT = 90_000;
const LOOPBACK = '127.0.0.1';
/** ms that an orderly end may take. */
const ORDERLY = 30_000;
/** The same where nothing on disk is needed afterwards. */
const STOP = 15_000;
/** Seconds that an expression may take, and how often one that took longer is tried. */
const EVALUATION = 5;
const EVALUATIONS = 4;
/**
 * ms between two expressions of a loop: each takes a process, and forking one stops a large process, as a run of many tests
 * is, for 30 to 70 ms and makes it copy its memory (measured).
 */
export const ASKED_EVERY = 200;
/** ms within which a broker that listens answers a greeting. */
const GREETED = 1000;
/** Starts, each on other ports, of a server that ends at once. */
const ATTEMPTS = 3;
const run = promisify(execFile);

/** Version of RabbitMQ that the tests run, as it tells it. */
export function brokerVersion(): string {
  return execFileSync(join(BIN, 'rabbitmqctl'), ['-q', 'version']).toString().trim();
}

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

/** Where a server runs and as what; a member of a cluster differs from a server that is alone. */
export interface NodePlace {
  readonly host: string;
  readonly port: number;
  readonly distPort: number;
  readonly epmdPort: number;
  /** Erlang's name for it. */
  readonly name: string;
  /** What is put before the server's command, to start it in a namespace. */
  readonly inside: readonly string[];
  /** Addresses of the port mapper. */
  readonly epmdAddresses: string;
  /** More lines of rabbitmq.conf. */
  readonly config: readonly string[];
  readonly erlangFlags: readonly string[];
  /** The secret that members share; each server makes its own when absent. */
  readonly cookie?: string;
}

/** A RabbitMQ server of the tests' own: free ports, a temporary folder, killed and restarted at will. */
export class RabbitMqNode {
  private child: ChildProcess | undefined;

  private constructor(
    private readonly folder: string,
    readonly port: number,
    private readonly env: NodeJS.ProcessEnv,
    readonly host = LOOPBACK,
    private readonly inside: readonly string[] = [],
  ) {}

  /** A server that is alone; `config`: more lines of rabbitmq.conf. */
  static async start(config: readonly string[] = [], attempts = ATTEMPTS): Promise<RabbitMqNode> {
    const [port, distPort, epmdPort] = [await freePort(), await freePort(), await freePort()];
    const node = RabbitMqNode.at({
      ...{ host: LOOPBACK, port, distPort, epmdPort, epmdAddresses: LOOPBACK },
      ...{ name: `t${String(port)}@localhost`, inside: [], config, erlangFlags: [] },
    });
    try {
      await node.boot();
      await node.keepDeadLetters();
    } catch (error) {
      const { hasEnded } = node;
      await node.stop();
      // Between the look for a free port and the server's use of it another process may have taken it.
      if (hasEnded && attempts > 1) return RabbitMqNode.start(config, attempts - 1);
      throw error;
    }
    return node;
  }

  /** Makes its folder and settings; it runs after `boot`. */
  static at(place: NodePlace): RabbitMqNode {
    const { host, port, name, inside, cookie } = place;
    if (!existsSync(join(BIN, 'rabbitmq-server'))) {
      throw new Error('RabbitMQ is missing: install it with `apt-get install rabbitmq-server`.');
    }
    const folder = mkdtempSync(join(tmpdir(), 'wirepost-rabbitmq-'));
    for (const one of ['home', 'mnesia', 'log']) mkdirSync(join(folder, one));
    writeFileSync(join(folder, 'plugins'), '[].');
    if (cookie !== undefined)
      writeFileSync(join(folder, 'home', '.erlang.cookie'), cookie, { mode: 0o400 });
    const config = [
      `listeners.tcp.1 = ${host}:${String(port)}`,
      'log.file.level = warning',
      'disk_free_limit.absolute = 100MB',
      ...place.config,
    ];
    writeFileSync(join(folder, 'rabbitmq.conf'), `${config.join('\n')}\n`);
    const interfaces = host.replaceAll('.', ',');
    const env = {
      ...process.env,
      HOME: join(folder, 'home'),
      // Names that rabbitmqctl is given are read by it.
      LC_ALL: 'C.UTF-8',
      RABBITMQ_NODENAME: name,
      RABBITMQ_USE_LONGNAME: String(isLong(name)),
      RABBITMQ_MNESIA_BASE: join(folder, 'mnesia'),
      RABBITMQ_LOG_BASE: join(folder, 'log'),
      RABBITMQ_CONFIG_FILE: join(folder, 'rabbitmq'),
      RABBITMQ_ENABLED_PLUGINS_FILE: join(folder, 'plugins'),
      RABBITMQ_CONF_ENV_FILE: '/dev/null',
      RABBITMQ_DIST_PORT: String(place.distPort),
      RABBITMQ_PID_FILE: join(folder, 'pid'),
      RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: [
        `-kernel inet_dist_use_interface {${interfaces}}`,
        ...place.erlangFlags,
      ].join(' '),
      ERL_EPMD_PORT: String(place.epmdPort),
      ERL_EPMD_ADDRESS: place.epmdAddresses,
      ERL_CRASH_DUMP: '/dev/null',
    };
    return new RabbitMqNode(folder, port, env, host, inside);
  }

  get url(): string {
    return `amqp://guest:guest@${this.host}:${String(this.port)}`;
  }

  /** Erlang's name for it. */
  get name(): string {
    return String(this.env['RABBITMQ_NODENAME']);
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
    this.spawn();
    try {
      await this.listens();
      await this.untilEnded(
        async () => {
          if ((await this.evaluate('rabbit:is_booted()')) !== 'true') throw new Error('not up yet');
        },
        { every: ASKED_EVERY },
      );
    } catch (error) {
      throw new Error(`${this.name} does not start: ${this.log()}`, { cause: error });
    }
  }

  /** RabbitMQ 4 drops a dead letter that was looked at twenty times, unless a policy says otherwise (docs/operations.md). */
  async keepDeadLetters(): Promise<void> {
    const policy = '<<"/">>, <<"dead">>, <<"\\\\.dead$">>, [{<<"delivery-limit">>, -1}]';
    await this.evaluate(
      `case rabbit_misc:version() of "3" ++ _ -> old; _ -> ok = rabbit_policy:set(${policy}, 0, <<"queues">>, <<"guest">>) end`,
    );
  }

  /** Resolves when the server takes connections, rejects when it has ended before. */
  async listens(): Promise<void> {
    await this.untilEnded(() => this.greet());
  }

  /** What the server has logged last, in each of its files. */
  log(characters = 3000): string {
    const folder = join(this.folder, 'log');
    return readdirSync(folder)
      .map((name) => `${name}: ${readFileSync(join(folder, name), 'utf8').slice(-characters)}`)
      .join('\n');
  }

  /**
   * Resolves when the server has answered a client's greeting (AMQP 0-9-1, 4.2.2) with a method on channel 0. That a
   * connection can be made says nothing: on the loopback device one that is tried often enough meets itself.
   */
  greet(): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      const socket = connect(this.port, this.host);
      const end = (how: () => void): void => {
        socket.destroy();
        how();
      };
      socket.setTimeout(GREETED, () => {
        end(() => {
          reject(new Error('no answer to the greeting'));
        });
      });
      socket.once('error', reject);
      // A server that shuts down or is not up yet may close what it has taken, without a word.
      socket.once('close', () => {
        reject(new Error('closed without an answer'));
      });
      socket.once('connect', () => socket.write(Buffer.from('AMQP\0\0\t\u0001')));
      socket.once('data', (answer) => {
        end(() => {
          if (answer[0] === 1) resolve();
          else reject(new Error('that was not the broker'));
        });
      });
    });
  }

  /** Starts the server and waits for nothing. */
  spawn(): void {
    const args = [...this.inside.slice(1), join(BIN, 'rabbitmq-server')];
    const [command = args.shift() ?? ''] = this.inside;
    const said = openSync(join(this.folder, 'log', 'console.log'), 'a');
    this.child = spawn(command, args, {
      // Mnesia without a folder takes this one, as was seen of a member that came back from a cut.
      cwd: this.folder,
      env: this.env,
      stdio: ['ignore', said, said],
      detached: true,
    });
    closeSync(said);
  }

  /**
   * What an Erlang expression comes to on the server, as text; in a few ms, where `ctl` takes a second. It may run more
   * than once, `attempts` times at most: on a machine that is short of time no answer within it says nothing.
   */
  async evaluate(expression: string, attempts = EVALUATIONS): Promise<string> {
    const kind = isLong(this.name) ? '-name' : '-sname';
    const call = run('erl_call', ['-r', kind, this.name, '-timeout', String(EVALUATION), '-e'], {
      env: this.env,
      timeout: 2000 * EVALUATION,
    });
    // A program that cannot connect ends without reading; its status says so.
    call.child.stdin?.on('error', () => undefined).end(`${expression}.\n`);
    let answer: string;
    try {
      answer = (await call).stdout.trim();
    } catch (error) {
      // A signal, its own alarm as a rule, ends it when its time is over; what it found wrong is in its status.
      const { signal } = error as { signal?: NodeJS.Signals | null };
      if (typeof signal !== 'string' || attempts <= 1) throw error;
      return this.evaluate(expression, attempts - 1);
    }
    const result = /^\{ok, ([^]*)\}$/.exec(answer)?.[1];
    if (result === undefined) throw new Error(`${expression} failed: ${answer}`);
    return result;
  }

  /** Makes a user with rights to configure, write and read; resolves to its URL. */
  async addUser(
    name: string,
    permissions: readonly string[] = ['.*', '.*', '.*'],
    password = 'secret',
  ): Promise<string> {
    await this.ctl('add_user', name, password);
    await this.ctl('set_permissions', name, ...permissions);
    return `amqp://${name}:${password}@127.0.0.1:${String(this.port)}`;
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
    await this.evaluate('[dets:sync(T) || T <- dets:all()], ok');
  }

  /** Ends it as a power cut would end the process. */
  async kill9(): Promise<void> {
    const { pid } = this;
    process.kill(pid, 'SIGKILL');
    await ended(pid);
  }

  async stop(): Promise<void> {
    try {
      await this.end(STOP);
    } catch {
      this.killAll();
    }
    this.killEpmd();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Ends it in an orderly way; `boot` starts it again on what it has left on disk. */
  async end(within = ORDERLY): Promise<void> {
    // Asked once: a server that shuts down takes its pid file away, at once.
    const { pid } = this;
    process.kill(pid, 'SIGTERM');
    await ended(pid, within);
  }

  /** Ends it at once and for good, whatever state it is in. */
  discard(): void {
    try {
      process.kill(this.pid, 'SIGKILL');
    } catch {
      // It was killed before, or never came up.
    }
    this.killAll();
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

  /** Repeats what must hold at last of a server that starts; rejects at once when the server has ended. */
  private async untilEnded(
    assertion: () => Promise<void>,
    pace: { every?: number } = {},
  ): Promise<void> {
    await eventually(() => (this.hasEnded ? undefined : assertion()), { within: BOOT, ...pace });
    if (this.hasEnded) throw new Error('it has ended');
  }

  private get hasEnded(): boolean {
    return this.child !== undefined && (this.child.exitCode ?? this.child.signalCode) !== null;
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

async function ended(pid: number, within = 5000): Promise<void> {
  await eventually(
    () => {
      if (existsSync(`/proc/${String(pid)}`) && !isZombie(pid)) throw new Error('still running');
    },
    { within },
  );
}

function isLong(name: string): boolean {
  return name.slice(name.indexOf('@')).includes('.');
}

function isZombie(pid: number): boolean {
  try {
    return readFileSync(`/proc/${String(pid)}/stat`, 'utf8').includes(') Z ');
  } catch {
    return true;
  }
}
