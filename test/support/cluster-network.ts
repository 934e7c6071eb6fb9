import { execFileSync, spawnSync } from 'node:child_process';

/** Where the members of a cluster live, and how the lines between them are cut. This process reaches all of them. */
export interface ClusterNetwork {
  /** What a run prints, so that nobody takes one kind of cut for another. */
  readonly kind: string;
  readonly hosts: readonly string[];
  /** Addresses of the port mapper at a member. */
  epmdAddresses(member: number): string;
  /** What is put before a command to run it as that member. */
  inside(member: number): readonly string[];
  /** Members of different groups do not reach each other from now on; nothing tells them. */
  partition(groups: readonly (readonly number[])[]): Promise<void>;
  /** Everybody reaches everybody. */
  heal(): Promise<void>;
  remove(): void;
}

/** Network namespaces need root and a kernel with veth and bridges; the reason why not, in one sentence. */
export function whyNoNamespaces(): string | undefined {
  if (process.getuid?.() !== 0) return 'network namespaces need root, which this user is not';
  const name = `wpt${String(process.pid)}`;
  const steps = [
    ['netns', 'add', name],
    ['link', 'add', name, 'type', 'bridge'],
    ['link', 'add', `${name}a`, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name],
  ];
  try {
    for (const args of steps) {
      const { status, stderr, error } = spawnSync('ip', args, { encoding: 'utf8' });
      if (error !== undefined) return 'network namespaces need the program `ip` (iproute2)';
      if (status !== 0)
        return `this machine gives no network namespaces: ip ${args.join(' ')}: ${stderr.trim()}`;
    }
    return undefined;
  } finally {
    for (const args of [
      ['link', 'del', `${name}a`],
      ['link', 'del', name],
      ['netns', 'del', name],
    ])
      spawnSync('ip', args, { stdio: 'ignore' });
  }
}

/** Two bytes of an address that no other run on this machine uses. */
function subnet(): string {
  return `${String(64 + (process.pid % 128))}.${String(Math.floor(Math.random() * 250))}`;
}

/**
 * A namespace for each member, joined by bridges. A partition moves members to bridges of their own, so packets to the
 * others vanish as in a broken switch, while this process goes on reaching every member by a route of its own.
 */
export class NamespaceNetwork implements ClusterNetwork {
  readonly kind = 'network namespaces: packets vanish';
  readonly hosts: readonly string[];
  private readonly id: string;
  private readonly gateway: string;
  private readonly members: readonly number[];

  constructor(size: number) {
    const net = `10.${subnet()}`;
    this.id = `wp${process.pid.toString(36)}${Math.floor(Math.random() * 1296).toString(36)}`;
    this.gateway = `${net}.254`;
    this.members = Array.from({ length: size }, (_, i) => i);
    this.hosts = this.members.map((i) => `${net}.${String(i + 1)}`);
    try {
      this.make();
    } catch (error) {
      this.remove();
      throw error;
    }
  }

  epmdAddresses(member: number): string {
    return this.host(member);
  }

  inside(member: number): readonly string[] {
    return ['ip', 'netns', 'exec', this.namespace(member)];
  }

  partition(groups: readonly (readonly number[])[]): Promise<void> {
    groups.forEach((members, group) => {
      for (const member of members) this.attach(member, group);
    });
    return Promise.resolve();
  }

  heal(): Promise<void> {
    for (const member of this.members) {
      this.attach(member, 0);
    }
    return Promise.resolve();
  }

  remove(): void {
    for (const member of this.members) {
      spawnSync('ip', ['link', 'del', this.veth(member)], { stdio: 'ignore' });
      spawnSync('ip', ['link', 'del', this.bridge(member)], { stdio: 'ignore' });
      spawnSync('ip', ['netns', 'del', this.namespace(member)], { stdio: 'ignore' });
    }
  }

  private make(): void {
    const mac = `02:00:00:${this.hosts[0]?.split('.').slice(1).map(hex).join(':') ?? ''}`;
    for (const member of this.members) {
      // One address for all bridges, so that a member that moves need not ask for it anew.
      ip('link', 'add', this.bridge(member), 'address', mac, 'type', 'bridge');
      ip('addr', 'add', `${this.gateway}/32`, 'dev', this.bridge(member));
      ip('link', 'set', this.bridge(member), 'up');
    }
    for (const member of this.members) {
      const namespace = this.namespace(member);
      ip('netns', 'add', namespace);
      const veth = ['link', 'add', this.veth(member), 'type', 'veth'];
      ip(...veth, 'peer', 'name', 'eth0', 'netns', namespace);
      ip('-n', namespace, 'addr', 'add', `${this.host(member)}/24`, 'dev', 'eth0');
      ip('-n', namespace, 'link', 'set', 'eth0', 'up');
      ip('-n', namespace, 'link', 'set', 'lo', 'up');
      ip('link', 'set', this.veth(member), 'up');
      this.attach(member, 0);
    }
  }

  private attach(member: number, group: number): void {
    ip('link', 'set', this.veth(member), 'master', this.bridge(group));
    const route = [`${this.host(member)}/32`, 'dev', this.bridge(group)];
    ip('route', 'replace', ...route, 'src', this.gateway);
  }

  private host(member: number): string {
    return this.hosts[member] ?? '';
  }

  private namespace(member: number): string {
    return `${this.id}n${String(member)}`;
  }

  private veth(member: number): string {
    return `${this.id}v${String(member)}`;
  }

  private bridge(group: number): string {
    return `${this.id}b${String(group)}`;
  }
}

/**
 * An address of its own for each member on the loopback device, for machines without namespaces. Lines are cut in
 * Erlang: each side holds another secret for the other and drops the connection, so members learn at once that it is gone.
 */
export class LoopbackNetwork implements ClusterNetwork {
  readonly kind: string;
  readonly hosts: readonly string[];

  /** `evaluate` runs an Erlang expression at a member; `names` are Erlang's names for them. */
  constructor(
    size: number,
    reason: string,
    private readonly evaluate: (member: number, expression: string) => Promise<unknown>,
    private readonly nameOf: (member: number) => string,
    private readonly cookie: string,
  ) {
    this.kind = `Erlang connections cut by secret, which members notice at once (${reason})`;
    const net = `127.${subnet()}`;
    this.hosts = Array.from({ length: size }, (_, i) => `${net}.${String(i + 1)}`);
  }

  epmdAddresses(): string {
    return this.hosts.join(',');
  }

  inside(): readonly string[] {
    return [];
  }

  async partition(groups: readonly (readonly number[])[]): Promise<void> {
    const groupOf = new Map(
      groups.flatMap((members, group) => members.map((m): [number, number] => [m, group])),
    );
    await this.forEachPair(async (one, other) => {
      if (groupOf.get(one) === groupOf.get(other)) return;
      await this.evaluate(
        one,
        `erlang:set_cookie('${this.nameOf(other)}', severed${String(one)}), erlang:disconnect_node('${this.nameOf(other)}')`,
      );
    });
  }

  heal(): Promise<void> {
    return this.forEachPair((one, other) =>
      this.evaluate(one, `erlang:set_cookie('${this.nameOf(other)}', '${this.cookie}')`),
    );
  }

  remove(): void {
    // Addresses of the loopback device need no making.
  }

  private async forEachPair(what: (one: number, other: number) => Promise<unknown>): Promise<void> {
    for (const one of this.hosts.keys()) {
      for (const other of this.hosts.keys()) if (one !== other) await what(one, other);
    }
  }
}

function hex(byte: string): string {
  return Number(byte).toString(16).padStart(2, '0').slice(-2);
}

function ip(...args: readonly string[]): void {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] });
}
