import type { Worker } from 'node:cluster';

/** What node:cluster and its processes say to each other (lib/internal/cluster, lib/internal/child_process.js), as far as it is read here. */
interface InternalMessage {
  readonly cmd?: unknown;
  readonly act?: unknown;
  readonly seq?: unknown;
  readonly ack?: unknown;
  accepted?: boolean;
}

/** A connection as node:cluster holds it: the handle of a socket. */
interface Connection {
  readonly close: () => void;
}

/**
 * Ends what Node.js (20 to 24) leaves undone where the primary hands connections to workers. It waits for the worker's
 * word about each, and keeps the connection open meanwhile, so that a client may wait for ever, when the worker
 *
 * - ends first: then Node.js does not even tell of a `disconnect`;
 * - has no descriptor left for it (`NODE_HANDLE_NACK`): then it gives that worker no other one any more;
 * - declines it as the last of all: then it waits for another one.
 *
 * Such a connection is closed, and its client comes again. To be called for each worker, before it listens.
 */
export function endHandover(worker: Worker): void {
  const { process } = worker;
  // A process that the system did not make; its `error` is still to come.
  if ((process.send as unknown) === undefined) return;
  const send = process.send.bind(process) as (...args: unknown[]) => boolean;
  /** Those that the worker has said nothing of, by the number of their message; one for each address that it listens on. */
  const sent = new Map<unknown, Connection>();
  /** Those of them whose descriptor is on its way, in order. */
  const underWay: unknown[] = [];
  let disconnected = false;
  process.send = (message: unknown, ...rest: unknown[]): boolean => {
    const { cmd, act, seq } = message as InternalMessage;
    if (cmd === 'NODE_CLUSTER' && act === 'newconn') {
      sent.set(seq, rest[0] as Connection);
      underWay.push(seq);
    }
    return send(message, ...rest);
  };
  // Before node:cluster's own listener, which closes what was accepted and keeps what was not.
  process.prependListener('internalMessage', (message: InternalMessage) => {
    if (message.ack !== undefined && sent.delete(message.ack)) message.accepted = true;
  });
  process.on('internalMessage', ({ cmd }: InternalMessage) => {
    if (cmd !== 'NODE_HANDLE_ACK' && cmd !== 'NODE_HANDLE_NACK') return;
    const seq = underWay.shift();
    if (cmd === 'NODE_HANDLE_NACK' && seq !== undefined)
      process.emit('internalMessage', { cmd: 'NODE_CLUSTER', ack: seq, accepted: true });
  });
  process.once('disconnect', () => {
    disconnected = true;
  });
  // After the last of what the worker has said.
  process.once('close', () => {
    if (!disconnected) process.emit('disconnect');
    for (const connection of sent.values()) connection.close();
  });
}
