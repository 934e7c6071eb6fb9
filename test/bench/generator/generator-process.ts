import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';

import type { Commands } from './commands';
import type { Reply, Request } from './main';

interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** A process of its own that makes load, so that it shares no core with whoever measures more than it must. */
export class GeneratorProcess {
  private readonly child: ChildProcess;
  private readonly waiting = new Map<number, Waiting>();
  private lastId = 0;

  constructor() {
    this.child = fork(join(__dirname, 'main.js'), {
      execArgv: ['--max-semi-space-size=32'],
      serialization: 'advanced',
    });
    this.child.on('message', (reply: Reply) => {
      const waiting = this.waiting.get(reply.id);
      this.waiting.delete(reply.id);
      if ('error' in reply) waiting?.reject(new Error(reply.error));
      else waiting?.resolve(reply.result);
    });
    this.child.once('exit', () => {
      for (const { reject } of this.waiting.values()) reject(new Error('the generator ended'));
    });
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  call<K extends keyof Commands>(
    name: K,
    ...[plan]: Parameters<Commands[K]>
  ): ReturnType<Commands[K]> {
    this.lastId += 1;
    const id = this.lastId;
    const result = new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
    });
    this.child.send({ id, name, plan } satisfies Request);
    return result as ReturnType<Commands[K]>;
  }

  stop(): void {
    if (this.child.connected) this.child.disconnect();
  }
}
