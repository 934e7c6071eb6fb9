import { Connection, type Observer, textFrame } from './connection';
import type { Published, SocketPlan } from './commands';
import { pace } from './pacer';
import { Account } from './publisher';
import { microseconds, Template } from './template';

/** Publishes over a WebSocket that confirms nothing, for the peers that have no broker. */
export async function publishSocket(plan: SocketPlan, firstSequence: number): Promise<Published> {
  const connection = await opened(plan);
  const template = new Template(textFrame(Buffer.from(plan.frame)));
  const account = new Account(plan.count, 1);
  await pace(
    plan,
    () => (connection.isBusy ? plan.window : 0),
    (messages) => {
      const bytes = Buffer.allocUnsafe(template.length * messages);
      const now = microseconds();
      for (let i = 0; i < messages; i += 1) {
        const { number } = account.next(now);
        template.write(bytes, i * template.length, 0, firstSequence + number, now);
      }
      connection.write(bytes);
    },
  );
  // It stays open: the peer may still have to read what was written.
  setTimeout(() => {
    connection.destroy();
  }, 30_000).unref();
  const report = account.report();
  return { ...report, confirmed: report.sent };
}

function opened(plan: SocketPlan): Promise<Connection> {
  return new Promise((resolve, reject) => {
    const observer: Observer = {
      wantsPayload: false,
      opened: resolve,
      message: () => undefined,
      chunkRead: () => undefined,
      closed: (_, problem) => {
        reject(new Error(problem));
      },
    };
    const target = { ...plan, protocol: '', localAddress: '127.0.0.99' };
    return new Connection(0, target, observer);
  });
}
