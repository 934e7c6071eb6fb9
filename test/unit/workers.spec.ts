import type { Worker } from 'node:cluster';
import { EventEmitter } from 'node:events';

import { canSharePort, type Ending, Workers } from '../../src/workers';
import { turns } from '../support/turns';

/** A process that does what the test says. */
class FakeWorker extends EventEmitter {
  readonly signals: string[] = [];
  readonly told: unknown[] = [];
  readonly process: { pid: number | undefined; kill: (signal: string) => void };

  constructor(readonly id: number) {
    super();
    this.process = { pid: 1000 + id, kill: (signal) => this.signals.push(signal) };
  }

  /** The system makes no process for it; told as Node.js does. */
  async isNotMade(hasLine = true): Promise<void> {
    this.process.pid = undefined;
    this.emit('error', new Error('spawn EAGAIN'));
    if (hasLine) this.emit('disconnect');
    await turns();
  }

  isConnected(): boolean {
    return this.process.pid !== undefined;
  }

  send(message: unknown): void {
    this.told.push(message);
  }

  listens(): void {
    this.emit('message', { kind: 'listening', port: 8086 });
  }

  beats(): void {
    this.emit('message', { kind: 'beat' });
  }

  async ends(how: number | string): Promise<void> {
    if (typeof how === 'number') this.emit('exit', how, null);
    else this.emit('exit', null, how);
    await this.isGone();
  }

  private async isGone(): Promise<void> {
    this.emit('disconnect');
    await turns();
  }
}

class Run {
  readonly forked: FakeWorker[] = [];
  readonly warnings: string[] = [];
  readonly errors: string[] = [];
  readonly ports: number[] = [];
  /** Thrown in place of a process. */
  failure: Error | undefined;
  readonly workers: Workers;
  readonly ending: Promise<Ending>;

  constructor(count: number) {
    const log = {
      log: () => undefined,
      warn: (text: string) => this.warnings.push(text),
      error: (text: string) => this.errors.push(text),
    };
    const fork = (): Worker => {
      if (this.failure !== undefined) throw this.failure;
      const worker = new FakeWorker(this.forked.length + 1);
      this.forked.push(worker);
      return worker as unknown as Worker;
    };
    this.workers = new Workers(count, fork, log, 30_000);
    this.ending = this.workers.run((port) => this.ports.push(port));
  }

  get last(): FakeWorker {
    const last = this.forked.at(-1);
    if (last === undefined) throw new Error('nothing was forked');
    return last;
  }

  static listening(count: number): Run {
    const run = new Run(count);
    for (const worker of run.forked) worker.listens();
    return run;
  }
}

describe('Workers', () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  it('are all told of a SIGHUP by a message, those that do not listen yet as well', async () => {
    const run = Run.listening(2);
    await run.forked[0]?.ends('SIGKILL');
    await jest.advanceTimersByTimeAsync(100);
    run.workers.hangUp();
    expect(run.forked.map(({ told }) => told)).toEqual([
      [],
      [{ kind: 'hang up' }],
      [{ kind: 'hang up' }],
    ]);
    expect(run.forked.flatMap(({ signals }) => signals)).toEqual([]);
  });

  it('try again when the system makes no process, and end when it still does not', async () => {
    const run = Run.listening(2);
    await run.forked[0]?.ends('SIGKILL');
    await jest.advanceTimersByTimeAsync(100);
    expect(run.forked).toHaveLength(3);
    await run.last.isNotMade();
    expect(run.warnings.at(-1)).toContain('not started');
    await jest.advanceTimersByTimeAsync(10_000);
    expect(run.forked).toHaveLength(4);
    await run.last.isNotMade();
    run.workers.stop();
    await run.forked[1]?.ends(0);
    expect(await run.ending).toEqual({ status: 0 });
  });

  it('go on when the system has no file left for the line to another one', async () => {
    const run = Run.listening(2);
    await run.forked[0]?.ends('SIGKILL');
    await jest.advanceTimersByTimeAsync(100);
    await run.last.isNotMade(false);
    await jest.advanceTimersByTimeAsync(10_000);
    expect(run.forked).toHaveLength(4);
    await run.last.isNotMade(false);
    run.workers.stop();
    await run.forked[1]?.ends(0);
    expect(await run.ending).toEqual({ status: 0 });
  });

  it('go on when Node.js throws in place of making another one, and make it later', async () => {
    const run = Run.listening(2);
    run.failure = new Error('spawn ENOMEM');
    await run.forked[0]?.ends('SIGKILL');
    await jest.advanceTimersByTimeAsync(5000);
    expect(run.forked).toHaveLength(2);
    run.failure = undefined;
    await jest.advanceTimersByTimeAsync(10_000);
    expect(run.forked).toHaveLength(3);
    expect(run.forked[1]?.signals).toEqual([]);
  });

  it('say that they listen once, when all of them do', async () => {
    const run = new Run(2);
    run.forked[0]?.listens();
    expect(run.ports).toEqual([]);
    run.forked[1]?.listens();
    await run.forked[1]?.ends(1);
    jest.advanceTimersByTime(100);
    run.last.listens();
    expect(run.ports).toEqual([8086]);
  });

  it('are replaced after a delay that doubles for those that end young, up to ten seconds', async () => {
    const run = Run.listening(1);
    for (const delay of [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]) {
      const { length } = run.forked;
      await run.last.ends(1);
      jest.advanceTimersByTime(delay - 1);
      expect(run.forked).toHaveLength(length);
      jest.advanceTimersByTime(1);
      expect(run.forked).toHaveLength(length + 1);
    }
    run.last.listens();
    jest.advanceTimersByTime(60_001);
    await run.last.ends('SIGSEGV');
    expect(run.warnings.at(-1)).toContain('(SIGSEGV); another one starts in 100 ms');
  });

  it('are killed after six beats without a sign of life, and replaced', async () => {
    const run = Run.listening(2);
    for (let beat = 1; beat <= 20; beat += 1) {
      jest.advanceTimersByTime(5000);
      run.forked[0]?.beats();
      expect(run.last.signals).toEqual(beat < 6 ? [] : ['SIGKILL']);
    }
    expect(run.forked[0]?.signals).toEqual([]);
    expect(run.errors).toEqual(['worker 2 gave no sign of life for 30 s: killed']);
    await run.last.ends('SIGKILL');
    jest.advanceTimersByTime(100);
    expect(run.forked).toHaveLength(3);
  });

  it('may be silent until they listen, and once they are to stop', () => {
    const run = new Run(2);
    jest.advanceTimersByTime(120_000);
    expect(run.forked.flatMap(({ signals }) => signals)).toEqual([]);
    for (const worker of run.forked) worker.listens();
    run.workers.stop();
    jest.advanceTimersByTime(29_999);
    expect(run.forked.flatMap(({ signals }) => signals)).toEqual(['SIGTERM', 'SIGTERM']);
  });

  it('end all when one cannot start at first, with its status and its words', async () => {
    const run = new Run(2);
    run.last.emit('message', { kind: 'failed', reason: 'no broker' });
    await run.last.ends(1);
    expect(run.forked[0]?.signals).toEqual(['SIGTERM']);
    await run.forked[0]?.ends('SIGTERM');
    expect(await run.ending).toEqual({ status: 1, reason: 'no broker' });
    expect(run.forked).toHaveLength(2);
  });

  it('end all when one says later that the configuration is wrong', async () => {
    const run = Run.listening(2);
    await run.last.ends(78);
    await run.forked[0]?.ends(0);
    expect(await run.ending).toMatchObject({ status: 78 });
  });

  it('end with status 1 when one of them did not drain', async () => {
    const run = Run.listening(2);
    run.workers.stop();
    await run.forked[0]?.ends(0);
    jest.advanceTimersByTime(30_000);
    expect(run.last.signals).toEqual(['SIGTERM', 'SIGKILL']);
    await run.last.ends('SIGKILL');
    expect(await run.ending).toEqual({ status: 1 });
  });

  it('are not replaced once they are to stop', async () => {
    const run = Run.listening(2);
    await run.last.ends(0);
    run.workers.stop();
    jest.advanceTimersByTime(100);
    await run.forked[0]?.ends(0);
    expect(await run.ending).toEqual({ status: 0 });
    expect(run.forked).toHaveLength(2);
  });
});

describe('a port', () => {
  it.each([
    ['20.20.2', 'linux', false],
    ['22.11.0', 'linux', false],
    ['22.12.0', 'linux', true],
    ['23.0.0', 'linux', false],
    ['23.1.0', 'linux', true],
    ['24.0.0', 'linux', true],
    ['24.0.0', 'darwin', false],
  ] as const)('is shared by sockets with Node.js %s on %s: %s', (node, platform, expected) => {
    expect(canSharePort(node, platform)).toBe(expected);
  });
});
