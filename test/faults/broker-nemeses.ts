import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';

import amqp, { type Channel } from 'amqplib';

import { eventually } from '../support/eventually';
import type { RabbitMqNode } from '../support/rabbitmq-node';
import type { Nemesis } from './nemesis';
import { push } from './rest-sender';
import type { Run } from './fault-run';
import { standsStill } from './stands-still';
import type { System } from './system';

/** Questions that fill a handler's queue. */
const BURST = 400;
/** ms within which a fault must be felt. */
const FELT = 20_000;

/** kill -9, and a start of the same server on what it has left on disk. */
export function killedBroker(broker: RabbitMqNode): Nemesis {
  return restarted(broker, 'broker kill -9', async () => {
    await broker.settle();
    await broker.kill9();
    return 'the process is gone';
  });
}

/** Stands still for a moment, so that publishes pile up that nobody has confirmed, and is killed then. */
export function frozenAndKilledBroker(broker: RabbitMqNode, frozen = 1000): Nemesis {
  return restarted(broker, 'broker SIGSTOP, then kill -9', async () => {
    await broker.settle();
    broker.signal('SIGSTOP');
    await wait(frozen);
    await broker.kill9();
    return 'the process is gone';
  });
}

function restarted(broker: RabbitMqNode, name: string, start: () => Promise<string>): Nemesis {
  let booting: Promise<void> | undefined;
  let isDown = false;
  return {
    name,
    allows: [],
    start: () => {
      isDown = true;
      return start();
    },
    stop: async () => {
      booting = broker.boot();
      booting.catch(() => undefined);
      await broker.listens();
      isDown = false;
    },
    heal: async () => {
      if (isDown) booting = broker.boot();
      await booting;
    },
  };
}

/** The broker's application stops and starts while its Erlang node goes on. */
export function stoppedApp(broker: RabbitMqNode): Nemesis {
  let starting: Promise<string> | undefined;
  return {
    name: 'stop_app, start_app',
    allows: [],
    start: async () => {
      await broker.ctl('stop_app');
      return 'stop_app has returned';
    },
    stop: async () => {
      starting = broker.ctl('start_app');
      starting.catch(() => undefined);
      await broker.listens();
    },
    heal: async () => {
      await (starting ?? broker.ctl('start_app'));
    },
  };
}

/** SIGSTOP: connections stay open and nothing answers. */
export function frozenBroker(broker: RabbitMqNode): Nemesis {
  const go = (): Promise<void> => {
    broker.signal('SIGCONT');
    return Promise.resolve();
  };
  return {
    name: 'broker SIGSTOP',
    allows: [],
    start: () => {
      broker.signal('SIGSTOP');
      return standsStill(broker.pid);
    },
    stop: go,
    heal: go,
  };
}

/** The broker takes no publishes: a memory or a disk alarm, by a limit that cannot be kept. */
export function alarm(system: System, kind: 'memory' | 'disk'): Nemesis {
  const limit = (value: string): string =>
    kind === 'memory'
      ? `vm_memory_monitor:set_vm_memory_high_watermark(${value})`
      : `rabbit_disk_monitor:set_disk_free_limit(${value})`;
  const [low, normal] = kind === 'memory' ? ['0.00001', '0.6'] : [String(1e15), String(1e8)];
  const clear = async (): Promise<void> => {
    await system.broker.evaluate(limit(normal));
  };
  return {
    name: `${kind} alarm`,
    allows: [],
    start: async () => {
      await system.broker.evaluate(limit(low));
      return refusesPushes(system);
    },
    stop: clear,
    heal: clear,
  };
}

/** The log's stream is taken off the exchange of pushes: nothing can be routed to it until the nodes bind it again. */
export function unboundLog(system: System): Nemesis {
  const { bindings } = system;
  const bind = (): Promise<void> =>
    system.onBroker(async (channel) => {
      for (const { stream, exchange, key } of bindings)
        await channel.bindQueue(stream, exchange, key);
    });
  return {
    name: 'log unbound',
    allows: [],
    start: () =>
      system.onBroker(async (channel) => {
        for (const { stream, exchange, key } of bindings)
          await channel.unbindQueue(stream, exchange, key);
        return returned(channel, `${system.prefix}.push`);
      }),
    stop: bind,
    heal: bind,
  };
}

/**
 * The broker closes channels with an error, as if each had asked for a queue that is not there: all but the first one of
 * each connection, which is golevelup's and takes its connection with it.
 */
export function closedChannels(system: System): Nemesis {
  const all = 'pg_local:get_members(rabbit_channels)';
  const later = `[P || P <- ${all}, rabbit_channel:info(P, [number]) > [{number, 1}]]`;
  const declare = `{'queue.declare', 0, <<"no such queue">>, true, false, false, false, false, []}`;
  const close = `length([rabbit_channel:do(P, ${declare}) || P <- ${later}])`;
  return atOnce('channels closed', async () => {
    const before = await connections(system);
    const count = Number(await system.broker.evaluate(close));
    if (count < 1) throw new Error('there were no channels');
    const live = (await connections(system)).filter((pid) => before.includes(pid)).length;
    if (live === 0) throw new Error('every connection was closed with them');
    return `${String(count)} channels were closed, ${String(live)} connections live on`;
  });
}

async function connections({ broker }: System): Promise<readonly string[]> {
  const pids = await broker.evaluate('[pid_to_list(P) || P <- rabbit_networking:connections()]');
  return pids.match(/<[^>]+>/g) ?? [];
}

/** The broker closes every connection. */
export function closedConnections(system: System): Nemesis {
  return atOnce('connections closed', async () => {
    const before = await connections(system);
    if (before.length === 0) throw new Error('there were no connections');
    const close = 'rabbit_networking:close_connection(P, "fault suite")';
    await system.broker.evaluate(`[${close} || P <- rabbit_networking:connections()]`);
    await eventually(async () => {
      const now = await connections(system);
      if (now.some((pid) => before.includes(pid))) throw new Error('some live on');
    });
    return `${String(before.length)} connections were closed`;
  });
}

/** Resolves when the broker has returned what the exchange cannot route. */
async function returned(channel: Channel, exchange: string): Promise<string> {
  const coming = once(channel, 'return');
  channel.publish(exchange, '', Buffer.from('{}'), { mandatory: true });
  await Promise.race([
    coming,
    wait(FELT).then(() => Promise.reject(new Error(`${exchange} routes still`))),
  ]);
  return 'a publish was returned';
}

/** A handler's queue is deleted, by which the broker cancels its consumers. */
export function cancelledConsumers(system: System, businessType: string): Nemesis {
  return atOnce('consumers cancelled', async () => {
    const queue = `${system.prefix}.handler.${businessType}`;
    return system.onBroker(async (channel) => {
      const { consumerCount } = await channel.checkQueue(queue);
      if (consumerCount < 1) throw new Error('there were no consumers');
      await channel.deleteQueue(queue);
      return `${String(consumerCount)} consumers had the queue`;
    });
  });
}

/** A handler's queue takes no more and says so: the broker nacks. */
export function fullQueue(
  broker: RabbitMqNode,
  { system, load, generator }: Run,
  businessType: string,
): Nemesis {
  const queue = `${system.prefix}.handler.${businessType}`;
  const clear = async (): Promise<void> => {
    await broker.ctl('clear_policy', 'full').catch(() => undefined);
  };
  return {
    name: 'nack',
    allows: [],
    start: async () => {
      const definition = JSON.stringify({ 'max-length': 1, overflow: 'reject-publish' });
      await broker.ctl('set_policy', 'full', `^${queue}$`, definition, '--apply-to', 'queues');
      // More than its handlers work on at a time, so that some wait in it.
      for (let i = 0; i < BURST; i += 1) {
        const { identity } = system.clients[i % system.clients.length] ?? {};
        if (identity === undefined) throw new Error('there are no clients');
        void load.run(generator.question(identity, 'upstream', businessType));
      }
      await eventually(() => nacked(broker.url, queue), { within: FELT });
      return 'a publish was nacked';
    },
    stop: clear,
    heal: clear,
  };
}

/** Throws unless the broker refuses a publish to the queue. */
async function nacked(url: string, queue: string): Promise<void> {
  const connection = await amqp.connect(url);
  try {
    const channel = await connection.createConfirmChannel();
    const isRefused = new Promise<boolean>((resolve) => {
      channel.publish('', queue, Buffer.from('{}'), {}, (error: unknown) => {
        resolve(Boolean(error));
      });
    });
    if (!(await isRefused)) throw new Error(`${queue} takes publishes`);
  } finally {
    await connection.close();
  }
}

/** A fault that is over when it has happened. */
function atOnce(name: string, start: () => Promise<string>): Nemesis {
  const nothing = (): Promise<void> => Promise.resolve();
  return { name, allows: [], start, stop: nothing, heal: nothing };
}

/** Resolves when every gateway refuses a push that nobody is to get. */
async function refusesPushes(system: System): Promise<string> {
  const body = {
    sendType: 'UNICAST',
    messageType: 'SERVER_TO_CLIENT',
    businessType: 'faults.nobody',
    toUniqueId: 'nobody',
    content: null,
  } as const;
  await eventually(
    async () => {
      for (const gateway of system.gateways) {
        const { kind } = await push(gateway, { body });
        if (kind === 'ok') throw new Error(`${gateway.name} takes pushes`);
      }
    },
    { within: FELT },
  );
  return 'every gateway refuses pushes';
}
