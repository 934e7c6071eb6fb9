import type { Duplex } from 'node:stream';

import { AmqpConnection } from '@golevelup/nestjs-rabbitmq';
import { Logger } from '@nestjs/common';
import { type ChannelModel, credentials } from 'amqplib';

import { type DeliveryWire, readDeliveries } from './delivery-frames';
import { PIECE, type PublishWire, shareFrames } from './publish-frames';
import type { RabbitMqSettings } from './rabbitmq-settings';

/** Seconds; a silent broker is given up after about two of them. */
const HEARTBEAT = 10;
const RECONNECT = 1;
/** ms that a server may take to agree to a connection, before the next one of a cluster is tried. */
const OPEN_TIMEOUT = 5000;
/** ms that a broker may take to agree to a close; one that takes no publishes does not read at all. */
const CLOSE_TIMEOUT = 2000;

/** ms between two lines about the same reason for which it does not connect. */
const TELL_AGAIN = 60_000;
const NOTHING = { reason: '', at: 0 };

/** What depends on a connection being there. */
export interface LinkUser {
  connected(connection: ChannelModel): void;
  disconnected(): void;
}

/**
 * One connection to the broker, kept by golevelup's AmqpConnection: it connects, beats and connects again.
 * Channels are ours (see ChannelKeeper), since its own are not opened again when the broker closes only them.
 */
export class BrokerLink {
  private readonly logger: Logger;
  private readonly amqp: AmqpConnection;
  private readonly users = new Set<LinkUser>();
  private current: ChannelModel | undefined;
  private opened = false;
  /** True once it was connected: before, `open` says why it is not. */
  private isOpen = false;
  private told: { readonly reason: string; readonly at: number } = NOTHING;
  /** True while the broker takes no publishes (memory or disk alarm). */
  blocked = false;

  constructor(
    private readonly name: string,
    private readonly settings: RabbitMqSettings,
  ) {
    this.logger = new Logger(`BrokerLink ${name}`);
    const servers = settings.urls.map((url) => ({
      url,
      connectionOptions: {
        // amqplib leaves Nagle's algorithm on: a publish behind one under way would wait for the broker's delayed ACK.
        noDelay: true,
        timeout: OPEN_TIMEOUT,
        clientProperties: { connection_name: `wirepost ${name}` },
        credentials: credentialsOf(url),
      },
    }));
    this.amqp = new AmqpConnection({
      name,
      uri: [...settings.urls],
      connectionManagerOptions: {
        heartbeatIntervalInSeconds: HEARTBEAT,
        reconnectTimeInSeconds: RECONNECT,
        // In place of the URLs alone.
        findServers: () => Promise.resolve(servers),
      },
      connectionInitOptions: {
        wait: true,
        reject: true,
        timeout: settings.connectTimeout,
        skipConnectionFailedLogging: true,
        skipDisconnectFailedLogging: true,
      },
      // A consumer on every connection that nobody asks.
      enableDirectReplyTo: false,
      logger: silent,
    });
  }

  get connection(): ChannelModel | undefined {
    return this.current;
  }

  /** Connects; rejects when the broker cannot be reached in time. */
  async open(): Promise<void> {
    this.opened = true;
    const opening = this.amqp.init();
    const managed = this.amqp.managedConnection;
    managed.on('connect', () => {
      if (managed.connection !== undefined) this.onConnect(managed.connection);
    });
    let reason = 'no answer';
    managed.on('connectFailed', ({ err }) => {
      reason = describe(err);
      if (this.isOpen) this.report(reason);
    });
    managed.on('disconnect', ({ err }) => {
      this.onDisconnect(err);
    });
    managed.on('blocked', ({ reason }) => {
      this.blocked = true;
      this.logger.warn(`the broker takes no publishes: ${reason}`);
    });
    managed.on('unblocked', () => {
      this.blocked = false;
      this.logger.log('the broker takes publishes again');
    });
    try {
      await opening;
      this.isOpen = true;
    } catch (error) {
      await this.close();
      const seconds = String(this.settings.connectTimeout / 1000);
      throw new Error(`no broker at AMQP_URL answered within ${seconds} s: ${reason}`, {
        cause: error,
      });
    }
  }

  use(user: LinkUser): void {
    this.users.add(user);
    if (this.current !== undefined) user.connected(this.current);
  }

  release(user: LinkUser): void {
    this.users.delete(user);
  }

  /** Leaves this server for the next one of the cluster. False, and nothing happens, when there is no other. */
  move(reason: string): boolean {
    if (this.settings.urls.length < 2 || this.current === undefined) return false;
    this.logger.warn(`goes to another server of the cluster: ${reason}`);
    cut(this.current, reason);
    return true;
  }

  /** Closes in an orderly way; cuts the connection when the broker does not play its part. */
  async close(): Promise<void> {
    this.users.clear();
    if (!this.opened) return;
    const { current } = this;
    let timer: NodeJS.Timeout | undefined;
    const limit = new Promise<void>((resolve) => {
      timer = setTimeout(() => {
        if (current !== undefined) cut(current, 'the broker did not agree to the close');
        resolve();
      }, CLOSE_TIMEOUT);
    });
    await Promise.race([limit, this.amqp.managedConnection.close().catch(() => undefined)]);
    clearTimeout(timer);
    this.current = undefined;
  }

  /** Why it does not come back: each reason once, and again while it lasts. */
  private report(reason: string): void {
    const now = performance.now();
    if (reason === this.told.reason && now - this.told.at < TELL_AGAIN) return;
    this.told = { reason, at: now };
    this.logger.warn(`cannot connect: ${reason}`);
  }

  private onConnect(connection: ChannelModel): void {
    this.told = NOTHING;
    this.current = connection;
    this.blocked = false;
    gatherWrites(socketOf(connection));
    const wire = connection.connection as unknown as PublishWire & DeliveryWire;
    shareFrames(wire);
    readDeliveries(wire);
    this.logger.log('connected');
    for (const user of this.users) user.connected(connection);
  }

  private onDisconnect(error: Error | undefined): void {
    if (this.current === undefined) return;
    this.current = undefined;
    this.blocked = false;
    this.logger.warn(`disconnected: ${error === undefined ? 'closed' : describe(error)}`);
    for (const user of this.users) user.disconnected();
  }
}

/** amqplib takes what is percent-encoded for Latin-1, and so would send other letters than those of the user. */
function credentialsOf(url: string): ReturnType<typeof credentials.plain> {
  const { username, password } = new URL(url);
  if (username === '' && password === '') return credentials.plain('guest', 'guest');
  return credentials.plain(decodeURIComponent(username), decodeURIComponent(password));
}

/** What went wrong; never the URL, which carries the password. */
function describe(error: Error): string {
  const { message } = error;
  if (/^Expected ConnectionOpenOk; got <ConnectionClose/.test(message))
    return `${message}: the vhost of the URL may not exist, or its user may not enter it`;
  if (message !== '') return message;
  return 'code' in error ? String(error.code) : error.name;
}

/** Ends the socket under a connection without an agreement, which a server that is cut off never gives. */
function cut(connection: ChannelModel, reason: string): void {
  socketOf(connection)?.destroy(new Error(reason));
}

/** What amqplib writes to, which it does not show in its types. */
function socketOf({ connection }: ChannelModel): Duplex | undefined {
  return (connection as unknown as { readonly stream?: Duplex }).stream;
}

/**
 * Lets what is written in one go share system calls. amqplib gathers what comes in a tick, but hands each piece of it to the
 * socket by itself: one for each client whose messages are published.
 */
function gatherWrites(socket: Duplex | undefined): void {
  if (socket === undefined) return;
  const write = socket.write.bind(socket) as (chunk: unknown) => boolean;
  let isCorked = false;
  const uncork = (): void => {
    isCorked = false;
    socket.uncork();
  };
  socket.write = (chunk: unknown): boolean => {
    if (!isCorked) {
      isCorked = true;
      socket.cork();
      process.nextTick(uncork);
    }
    const hasRoom = write(chunk);
    if (socket.writableLength >= PIECE) {
      socket.uncork();
      socket.cork();
    }
    return hasRoom;
  };
}

/** golevelup logs every attempt with the URL's host; what matters is logged above. */
const silent = { log: () => undefined, error: () => undefined, warn: () => undefined };
