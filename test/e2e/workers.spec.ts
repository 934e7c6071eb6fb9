import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';

import { eventually } from '../support/eventually';
import { GatewayProcess } from '../support/gateway-process';
import { IMAGE_NODE } from '../support/image-node';
import { aBody } from '../support/message.builder';
import { freePort } from '../support/rabbitmq-node';
import { onSharedBroker } from '../support/shared-broker';
import { admitted, decided, TestClient } from '../support/test-client';
import { SERVICE_KEY } from '../support/test-node';
import { tokenOf } from '../support/token-of';

const WORKERS = 3;
const STARTED = 20_000;
/** ms until one that hangs has been killed. */
const SILENT = 60_000;

function pidsOfWorkers(gateway: GatewayProcess): number[] {
  const path = `/proc/${String(gateway.pid)}/task/${String(gateway.pid)}/children`;
  return readFileSync(path, 'utf8').trim().split(' ').filter(Boolean).map(Number);
}

function filesOf(pid: number): number {
  return readdirSync(`/proc/${String(pid)}/fd`).length;
}

/** Of files that a process may have open; util-linux is a part of every Debian. */
function limitFiles(pid: number, most: number): void {
  execFileSync('/usr/bin/prlimit', [`--pid=${String(pid)}`, `--nofile=${String(most)}:`]);
}

function authorized(key: string): { readonly headers: Readonly<Record<string, string>> } {
  // No connection is used twice, so that each request may come to another worker.
  return { headers: { authorization: `Bearer ${key}`, connection: 'close' } };
}

/** A gateway with workers, as one talks to it that does not know which of them answers. */
class Workers {
  constructor(
    readonly gateway: GatewayProcess,
    private readonly key = SERVICE_KEY,
  ) {}

  static async start(env: Readonly<Record<string, string>>, node?: string): Promise<Workers> {
    const gateway = await GatewayProcess.start({ ...env, WORKERS: String(WORKERS) }, { node });
    const workers = new Workers(gateway);
    await workers.announced();
    return workers;
  }

  async announced(): Promise<void> {
    await eventually(
      () => {
        expect(this.gateway.text).toContain(`with ${String(WORKERS)} workers`);
      },
      { within: STARTED },
    );
  }

  /** Returns the process that it has killed. */
  killOne(): number {
    const [pid = 0] = pidsOfWorkers(this.gateway);
    process.kill(pid, 'SIGKILL');
    return pid;
  }

  /** Resolves when there are as many processes as there were before this one was killed. */
  async replaced(killed: number): Promise<void> {
    await eventually(
      () => {
        const pids = pidsOfWorkers(this.gateway);
        expect(pids).not.toContain(killed);
        expect(pids).toHaveLength(WORKERS);
      },
      { within: STARTED },
    );
  }

  async connect(uniqueId: string): Promise<TestClient> {
    // One that is not ready yet gives none.
    const data = await eventually(
      async () => {
        const response = await fetch(
          `${this.gateway.base}/websocket/token?uniqueId=${uniqueId}`,
          authorized(this.key),
        );
        expect(response.status).toBe(200);
        return ((await response.json()) as { data: string }).data;
      },
      { within: STARTED },
    );
    return this.open(tokenOf(data));
  }

  async resume(client: TestClient): Promise<TestClient> {
    return this.open(String(client.welcome?.['reconnectToken']), client.cursor);
  }

  /** As backends do: what was not answered is sent once more under the same id. A worker that dies resets connections. */
  async push(body: object): Promise<void> {
    const { headers } = authorized(this.key);
    const init = {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
      body: JSON.stringify({ messageId: randomUUID(), ...body }),
    };
    await eventually(async () => {
      expect((await fetch(`${this.gateway.base}/websocket/push`, init)).status).toBe(202);
    });
  }

  /** The value of a metric without labels; NaN when there is none. */
  async metric(name: string): Promise<number> {
    const response = await fetch(`${this.gateway.base}/metrics`, authorized(this.key));
    const line = (await response.text()).split('\n').find((one) => one.startsWith(`${name} `));
    return Number(line?.slice(name.length) ?? NaN);
  }

  async stop(): Promise<void> {
    this.gateway.signal('SIGTERM');
    await this.gateway.exited();
  }

  /** A worker that listens and is not ready yet sends clients elsewhere, their tokens unused; they come again, as the SDK does. */
  private open(token: string, cursor?: string): Promise<TestClient> {
    return admitted(async () => {
      const client = await decided(TestClient.connect(this.gateway.socketUrl(token), { cursor }));
      expect(client.closed?.code ?? 1013).toBe(1013);
      return client;
    }, STARTED);
  }
}

/** Connections one after the other, each with a request: the next one comes when the last one was answered or closed. */
class Arrivals {
  answered = 0;
  isOpen = false;
  private ending = false;

  constructor(private readonly port: number) {
    this.next();
  }

  end(): void {
    this.ending = true;
  }

  private next(): void {
    if (this.ending) return;
    this.isOpen = true;
    const socket = connect(this.port, '127.0.0.1', () => {
      socket.write('GET /health/live HTTP/1.1\r\nhost: one\r\nconnection: close\r\n\r\n');
    });
    socket.on('data', () => (this.answered += 1));
    // A worker that is killed takes along those that it has.
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.isOpen = false;
      this.next();
    });
  }
}

// Four or more processes start in each: on a busy machine that alone takes half a minute.
jest.setTimeout(120_000);

describe.each([
  ['the tests', process.execPath],
  ['the image, with sockets of their own on the port', IMAGE_NODE],
])('workers on the Node.js of %s', (_, node) => {
  it('share the port: unicast and broadcast reach clients wherever they are, and metrics are of all', async () => {
    const workers = await Workers.start(onSharedBroker(), node);
    const clients: TestClient[] = [];
    for (let i = 0; i < 12; i += 1) clients.push(await workers.connect(`user-${String(i)}`));
    for (let i = 0; i < 12; i += 1) {
      await workers.push(aBody({ toUniqueId: `user-${String(i)}`, content: i }));
    }
    await workers.push(aBody({ sendType: 'BROADCAST', toUniqueId: undefined, content: 'all' }));
    await eventually(() => {
      expect(clients.map((client) => client.contents)).toEqual(clients.map((_, i) => [i, 'all']));
    });
    expect(await workers.metric('wirepost_workers')).toBe(WORKERS);
    expect(await workers.metric('wirepost_connections')).toBe(12);
    expect(await workers.metric('wirepost_frames_delivered_total')).toBe(24);
    expect(await workers.metric('wirepost_push_accepted_total')).toBe(13);
    expect(await workers.metric('wirepost_ready')).toBe(1);
    expect(await workers.metric('wirepost_worker_restarts_total')).toBe(0);
    await workers.stop();
  });

  it('give a client that comes back to any of them what it missed, once and in order', async () => {
    const workers = await Workers.start(onSharedBroker(), node);
    let client = await workers.connect('user');
    const contents: unknown[] = [];
    // More often than there are workers: it comes to others.
    for (let round = 0; round < 2 * WORKERS; round += 1) {
      await workers.push(aBody({ toUniqueId: 'user', content: 2 * round }));
      await eventually(() => {
        expect(client.contents.at(-1)).toBe(2 * round);
      });
      client.terminate();
      contents.push(...client.contents);
      await workers.push(aBody({ toUniqueId: 'user', content: 2 * round + 1 }));
      client = await workers.resume(client);
      await eventually(() => {
        expect(client.contents[0]).toBe(2 * round + 1);
      });
    }
    contents.push(...client.contents);
    expect(contents).toEqual(Array.from({ length: 4 * WORKERS }, (_, i) => i));
    await workers.stop();
  });

  it('are replaced when they are killed, and their clients lose nothing', async () => {
    const workers = await Workers.start(onSharedBroker(), node);
    const before = pidsOfWorkers(workers.gateway);
    expect(before).toHaveLength(WORKERS);
    // So many, and one after the other, that each worker has some: where the system shares them out, that is by chance.
    const users = Array.from({ length: 30 }, (_, i) => `user-${String(i)}`);
    const clients: TestClient[] = [];
    for (const user of users) clients.push(await workers.connect(user));
    const pushAll = async (content: number): Promise<void> => {
      for (const user of users) await workers.push(aBody({ toUniqueId: user, content }));
    };
    await pushAll(0);
    await eventually(() => {
      for (const client of clients) expect(client.contents).toEqual([0]);
    });
    process.kill(before[0] ?? 0, 'SIGKILL');
    await eventually(() => {
      expect(clients.some((client) => client.closed?.code === 1006)).toBe(true);
    });
    await pushAll(1);
    await eventually(
      async () => {
        expect(await workers.metric('wirepost_workers')).toBe(WORKERS);
      },
      { within: STARTED },
    );
    expect(await workers.metric('wirepost_worker_restarts_total')).toBe(1);
    expect(pidsOfWorkers(workers.gateway)).toHaveLength(WORKERS);
    expect(workers.gateway.text).toMatch(
      /worker 1 ended \(SIGKILL\); another one starts in 100 ms/,
    );
    const lost = clients.filter((client) => client.closed !== undefined);
    expect(lost.length).toBeLessThan(clients.length);
    const resumed = await Promise.all(lost.map((client) => workers.resume(client)));
    await pushAll(2);
    await eventually(() => {
      for (const client of clients) {
        const next = resumed[lost.indexOf(client)];
        expect([...client.contents, ...(next?.contents ?? [])]).toEqual([0, 1, 2]);
      }
    });
    await workers.stop();
  });

  it('leave no connection open that nobody answers when they are killed as clients come', async () => {
    const workers = await Workers.start(onSharedBroker(), node);
    const arrivals = Array.from({ length: 8 }, () => new Arrivals(workers.gateway.port));
    for (let killed = 1; killed <= 6; killed += 1) {
      const answered = arrivals.map((one) => one.answered);
      await eventually(() => {
        for (const [i, one] of arrivals.entries())
          expect(one.answered).toBeGreaterThan(answered[i] ?? 0);
      });
      await workers.replaced(workers.killOne());
    }
    for (const one of arrivals) one.end();
    await eventually(() => {
      expect(arrivals.map((one) => one.isOpen)).toEqual(arrivals.map(() => false));
    });
    await workers.stop();
  });

  it('serve on when they had no file left for the clients that came', async () => {
    const workers = await Workers.start(onSharedBroker(), node);
    for (const pid of pidsOfWorkers(workers.gateway)) limitFiles(pid, filesOf(pid) + 10);
    const { port } = workers.gateway;
    const crowd = Array.from({ length: 30 * WORKERS }, () => connect(port, '127.0.0.1'));
    const arrived = crowd.map(
      (socket) =>
        new Promise<void>((resolve) => {
          socket.on('connect', resolve);
          socket.on('error', () => {
            resolve();
          });
        }),
    );
    await Promise.all(arrived);
    for (const socket of crowd) socket.destroy();
    for (let i = 0; i < 4 * WORKERS; i += 1) {
      // One that is closed comes again: the worker may not have seen yet that the crowd is gone.
      const arrival = new Arrivals(port);
      await eventually(() => {
        expect(arrival.answered).toBeGreaterThan(0);
      });
      arrival.end();
    }
    await workers.stop();
  });

  it('serve on when the primary has no file left for another one', async () => {
    const workers = await Workers.start(onSharedBroker(), node);
    const { pid } = workers.gateway;
    limitFiles(pid, filesOf(pid));
    const killed = workers.killOne();
    await eventually(() => {
      expect(workers.gateway.text).toMatch(/worker \d+: spawn .* EMFILE/);
    });
    const client = await workers.connect('user');
    limitFiles(pid, 1000);
    await workers.replaced(killed);
    expect(client.closed).toBeUndefined();
    await workers.stop();
  });

  it('serve on when nobody reads the log any more', async () => {
    const workers = await Workers.start(onSharedBroker(), node);
    workers.gateway.closeOutput();
    await workers.replaced(workers.killOne());
    workers.gateway.signal('SIGTERM');
    expect(await workers.gateway.exited()).toBe(0);
  });

  it('all drain on SIGTERM, also when each of them gets the signal besides, with status 0', async () => {
    const workers = await Workers.start({ ...onSharedBroker(), DRAIN_TIMEOUT: '1s' }, node);
    const clients: TestClient[] = [];
    for (let i = 0; i < 6; i += 1) clients.push(await workers.connect(`user-${String(i)}`));
    const pids = pidsOfWorkers(workers.gateway);
    // As a terminal or systemd does: every process of the group gets it.
    for (const pid of pids) process.kill(pid, 'SIGTERM');
    workers.gateway.signal('SIGTERM');
    await eventually(() => {
      for (const client of clients)
        expect(client.closed).toEqual({ code: 1012, reason: 'restarting' });
    });
    expect(await workers.gateway.exited()).toBe(0);
    for (const pid of pids) expect(() => process.kill(pid, 0)).toThrow('ESRCH');
  });

  it('end with the primary, however that ended', async () => {
    const workers = await Workers.start(onSharedBroker(), node);
    const pids = pidsOfWorkers(workers.gateway);
    await workers.gateway.kill9();
    await eventually(() => {
      for (const pid of pids) expect(() => process.kill(pid, 0)).toThrow('ESRCH');
    });
  });

  it('do not start on a port that is taken, and say so', async () => {
    const workers = await Workers.start(onSharedBroker(), node);
    const second = await GatewayProcess.spawn(
      {
        ...onSharedBroker(),
        WORKERS: String(WORKERS),
        PORT: String(workers.gateway.port),
        LOG_LEVEL: 'error',
      },
      { node },
    );
    expect(await second.exited()).toBe(1);
    expect(second.text).toMatch(/^Wirepost does not start: .*EADDRINUSE.*\n$/);
    await workers.stop();
  });
});

describe('workers', () => {
  it('take clients while the primary does nothing, where they have sockets of their own', async () => {
    const workers = await Workers.start(onSharedBroker(), IMAGE_NODE);
    workers.gateway.signal('SIGSTOP');
    const clients: TestClient[] = [];
    for (let i = 0; i < 12; i += 1) clients.push(await workers.connect(`user-${String(i)}`));
    await workers.push(aBody({ sendType: 'BROADCAST', toUniqueId: undefined, content: 'all' }));
    await eventually(() => {
      for (const client of clients) expect(client.contents).toEqual(['all']);
    });
    workers.gateway.signal('SIGCONT');
    await workers.stop();
  });

  it('are killed when they hang for half a minute, and replaced; their clients resume at others', async () => {
    const workers = await Workers.start(onSharedBroker());
    const users = Array.from({ length: 12 }, (_, i) => `user-${String(i)}`);
    const clients: TestClient[] = [];
    for (const user of users) clients.push(await workers.connect(user));
    const [hung = 0] = pidsOfWorkers(workers.gateway);
    process.kill(hung, 'SIGSTOP');
    await eventually(
      () => {
        expect(workers.gateway.text).toContain('gave no sign of life for 30 s: killed');
        expect(clients.some((client) => client.closed?.code === 1006)).toBe(true);
      },
      { within: SILENT },
    );
    await workers.replaced(hung);
    await eventually(async () => {
      expect(await workers.metric('wirepost_worker_restarts_total')).toBe(1);
    });
    const lost = clients.filter((client) => client.closed !== undefined);
    expect(lost.length).toBeLessThan(clients.length);
    for (const user of users) await workers.push(aBody({ toUniqueId: user, content: 'here' }));
    const resumed = await Promise.all(lost.map((client) => workers.resume(client)));
    await eventually(() => {
      for (const client of clients)
        expect((resumed[lost.indexOf(client)] ?? client).contents).toEqual(['here']);
    });
    await workers.stop();
  });

  it('share the key and the secret that were made for the run, which are announced once', async () => {
    const gateway = await GatewayProcess.spawn({ ...onSharedBroker(), WORKERS: String(WORKERS) });
    const announced = new Workers(gateway);
    await announced.announced();
    expect(gateway.text.match(/service key {5}/g)).toHaveLength(1);
    const workers = new Workers(gateway, /dev-[\w-]+/.exec(gateway.text)?.[0]);
    // The worker that signs a token is rarely the one that verifies it.
    for (let i = 0; i < 2 * WORKERS; i += 1) {
      const client = await workers.connect('user');
      client.close();
    }
    await workers.stop();
  });

  it('of another program’s cluster are nodes by themselves, each with metrics of its own', async () => {
    const gateway = await GatewayProcess.start(
      { ...onSharedBroker(), WORKERS: '2' },
      { main: 'test/support/foreign-primary.cjs' },
    );
    const alone = new Workers(gateway);
    await alone.connect('user');
    expect(await alone.metric('wirepost_connections')).toBe(1);
    expect(await alone.metric('wirepost_workers')).toBeNaN();
    expect(gateway.text).toContain('health/ready');
    await alone.stop();
  });

  it('of another program’s cluster say themselves why they do not start', async () => {
    const gateway = await GatewayProcess.spawn(
      { HEARTBEAT: '25' },
      { main: 'test/support/foreign-primary.cjs' },
    );
    expect(await gateway.exited()).toBe(78);
    expect(gateway.text).toMatch(/^Wirepost does not start: HEARTBEAT must be .*\n$/);
  });

  it.each<[string, number, Record<string, string>, RegExp]>([
    ['none of them can start', 1, { CONNECT_TIMEOUT: '1s' }, /no broker at AMQP_URL answered/],
    ['a setting is wrong', 78, { HEARTBEAT: '25' }, /HEARTBEAT must be/],
    ['there is no RabbitMQ', 78, { AMQP_URL: '' }, /WORKERS must be 1 without AMQP_URL, or .*\./],
    ['there are none', 78, { WORKERS: '0' }, /WORKERS must be an integer of 1 to 64\./],
  ])('end with one sentence when %s, with status %d', async (_, status, env, sentence) => {
    const gateway = await GatewayProcess.spawn({
      AMQP_URL: `amqp://guest:guest@127.0.0.1:${String(await freePort())}`,
      LOG_LEVEL: 'error',
      WORKERS: '2',
      ...env,
    });
    expect(await gateway.exited()).toBe(status);
    const lines = gateway.text.trim().split('\n');
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(sentence);
  });
});
