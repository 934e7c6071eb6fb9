import { AmqpPublisher } from './amqp-publisher';
import type { Commands } from './commands';
import { ConnectionPool } from './connection-pool';
import { HttpPusher } from './http-pusher';
import { publishSocket } from './socket-publisher';
import { Upstream } from './upstream';

/** A request of the parent. */
export interface Request {
  readonly id: number;
  readonly name: keyof Commands;
  readonly plan: unknown;
}

export type Reply =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly error: string };

const pool = new ConnectionPool();
/** No two messages of a run have the same number, whichever process sent them. */
let sequence = (process.pid % 100) * 10_000_000;

const commands: Commands = {
  open: (plan) => pool.openAll(plan),
  begin: ({ latency }) => {
    pool.begin(latency);
    return Promise.resolve();
  },
  collect: ({ expected, quiet, linger }) => pool.collect(expected, quiet, linger),
  trigger: () => {
    pool.connections[0]?.write(Buffer.alloc(1));
    return Promise.resolve();
  },
  upstream: async (plan) => {
    const upstream = new Upstream(pool, plan, sequence);
    const result = await upstream.run();
    sequence = upstream.nextSequence;
    return result;
  },
  close: () => {
    pool.closeAll();
    return Promise.resolve();
  },
  publishAmqp: (plan) => AmqpPublisher.publish(plan, take(plan.count)),
  publishSocket: (plan) => publishSocket(plan, take(plan.count)),
  pushHttp: (plan) => new HttpPusher(plan, take(plan.count)).run(),
};

function take(count: number): number {
  const first = sequence;
  sequence += count;
  return first;
}

process.on('message', ({ id, name, plan }: Request) => {
  const table: Readonly<Record<string, (plan: never) => Promise<unknown>>> = { ...commands };
  const run = table[name] ?? (() => Promise.reject(new Error(`there is no command ${name}`)));
  run(plan as never).then(
    (result) => process.send?.({ id, result } satisfies Reply),
    (error: unknown) => process.send?.({ id, error: String(error) } satisfies Reply),
  );
});
process.once('disconnect', () => {
  process.exit(0);
});
