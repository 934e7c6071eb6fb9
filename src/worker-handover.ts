import type { Worker } from 'node:cluster';

/** What node:cluster says to a worker (lib/internal/cluster/utils.js), as far as it is read here. */
interface ClusterMessage {
  readonly cmd?: unknown;
  readonly act?: unknown;
  readonly seq?: unknown;
  readonly ack?: unknown;
}

/** A connection as node:cluster holds it: the handle of a socket. */
interface Connection {
  readonly close: () => void;
}

interface Sent {
  readonly seq: unknown;
  readonly connection: Connection;
}

/**
 * Ends what Node.js leaves undone when a worker ends before it has taken the connection that the primary handed to it: the
 * primary keeps that connection open, so that its client waits for ever, and tells of no `disconnect`, for it waits for the
 * worker's word about the connection (`_handleQueue` of lib/internal/child_process.js, Node.js 20 to 24). The connection
 * is closed and `disconnect` told. To be called for each worker, before it listens.
 */
export function endHandover(worker: Worker): void {
  const { process } = worker;
  const send = process.send.bind(process) as (...args: unknown[]) => boolean;
  let sent: Sent | undefined;
  let disconnected = false;
  process.send = (message: unknown, ...rest: unknown[]): boolean => {
    const { cmd, act, seq } = message as ClusterMessage;
    // At most one at a time: node:cluster waits for the answer.
    if (cmd === 'NODE_CLUSTER' && act === 'newconn')
      sent = { seq, connection: rest[0] as Connection };
    return send(message, ...rest);
  };
  process.on('internalMessage', ({ ack }: ClusterMessage) => {
    if (ack !== undefined && ack === sent?.seq) sent = undefined;
  });
  process.once('disconnect', () => {
    disconnected = true;
  });
  // After the last of what the worker has said.
  process.once('close', () => {
    if (!disconnected) process.emit('disconnect');
    sent?.connection.close();
  });
}
