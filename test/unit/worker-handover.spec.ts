import type { Worker } from 'node:cluster';
import { EventEmitter } from 'node:events';

import { endHandover } from '../../src/worker-handover';

/** A worker's process as node:cluster sees it, with the listener by which that learns of connections. */
class FakeProcess extends EventEmitter {
  readonly closed: string[] = [];
  /** What node:cluster was told of each message. */
  readonly words: unknown[] = [];
  disconnects = 0;
  send: ((message: unknown, ...rest: unknown[]) => boolean) | undefined = () => true;

  constructor() {
    super();
    this.on('internalMessage', ({ ack, accepted }: { ack?: number; accepted?: boolean }) => {
      if (ack !== undefined) this.words.push([ack, accepted]);
    });
    this.on('disconnect', () => (this.disconnects += 1));
  }

  handOver(seq: number): void {
    const message = { cmd: 'NODE_CLUSTER', act: 'newconn', seq };
    this.send?.(message, { close: () => this.closed.push(`connection ${String(seq)}`) });
  }

  says(message: object): void {
    this.emit('internalMessage', message);
  }
}

function aProcess(): FakeProcess {
  const process = new FakeProcess();
  endHandover({ process } as unknown as Worker);
  return process;
}

describe('endHandover', () => {
  it('closes what a worker had said nothing of when it ended, of each address, and tells of the end', () => {
    const process = aProcess();
    for (const seq of [1, 2, 3]) process.handOver(seq);
    process.says({ cmd: 'NODE_HANDLE_ACK' });
    process.says({ cmd: 'NODE_CLUSTER', ack: 1, accepted: true });
    process.emit('close');
    expect(process.closed).toEqual(['connection 2', 'connection 3']);
    expect(process.disconnects).toBe(1);
  });

  it('tells of no second end', () => {
    const process = aProcess();
    process.emit('disconnect');
    process.emit('close');
    expect(process.disconnects).toBe(1);
  });

  it('has a connection closed that a worker declines, since no other one may be left', () => {
    const process = aProcess();
    process.handOver(1);
    process.says({ cmd: 'NODE_CLUSTER', ack: 1, accepted: false });
    process.says({ cmd: 'NODE_CLUSTER', ack: 7, accepted: false });
    expect(process.words).toEqual([
      [1, true],
      [7, false],
    ]);
  });

  it('answers for a worker that has no descriptor left, so that it gets the next one', () => {
    const process = aProcess();
    process.says({ cmd: 'NODE_HANDLE_NACK' });
    process.handOver(1);
    process.handOver(2);
    process.says({ cmd: 'NODE_HANDLE_ACK' });
    process.says({ cmd: 'NODE_HANDLE_NACK' });
    expect(process.words).toEqual([[2, true]]);
    process.says({ cmd: 'NODE_CLUSTER', ack: 1, accepted: true });
    process.emit('close');
    expect(process.closed).toEqual([]);
  });

  it('leaves alone a process that the system did not make', () => {
    const process = new FakeProcess();
    process.send = undefined;
    endHandover({ process } as unknown as Worker);
    expect(process.listenerCount('close')).toBe(0);
  });
});
