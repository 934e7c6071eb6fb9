import type { Spread } from './generator/latencies';
import { busySeconds, cpuSeconds, residentKib } from './machine';

/** What one measurement gave; what was not measured is absent. */
export interface Values {
  /** Deliveries, answers or connections a second. */
  readonly rate?: number;
  readonly spread?: Spread;
  /** Seconds of processor time for each 100 000 of what `rate` counts. */
  readonly serverCpu?: number;
  readonly brokerCpu?: number;
  /** Seconds of processor time a second, of whoever made the load. */
  readonly loadCpu?: number;
  /** Of the server at the end. */
  readonly residentMib?: number;
  /** What only one scenario knows, by its heading. */
  readonly extra?: Readonly<Record<string, number>>;
}

export interface Measurement extends Values {
  /** Of the table, such as `S1`. */
  readonly section: string;
  /** Of the row. */
  readonly scenario: string;
  readonly peer: string;
  /** What did not arrive, came twice or was refused: with any of them the figures are worth nothing. */
  readonly problems: readonly string[];
  /** Cores that something else on the machine used meanwhile. */
  readonly othersCores: number;
}

/** Whose processor time is taken. */
export interface Processes {
  readonly server: number | readonly number[];
  readonly broker: number | undefined;
  readonly load: readonly number[];
}

/** Takes the processor time of everybody concerned from its making on. */
export class Meter {
  private readonly start: Snapshot;

  constructor(private readonly processes: Processes) {
    this.start = snapshot(processes);
  }

  /** `count`: of what was done meanwhile. */
  stop(count: number): Required<
    Pick<Measurement, 'serverCpu' | 'loadCpu' | 'residentMib' | 'othersCores'>
  > & {
    readonly brokerCpu?: number;
  } {
    const end = snapshot(this.processes);
    const seconds = (end.at - this.start.at) / 1000;
    const [server, broker, load] = [
      end.server - this.start.server,
      end.broker - this.start.broker,
      end.load - this.start.load,
    ];
    const busy = end.busy - this.start.busy;
    const per100k = 1e5 / Math.max(count, 1);
    return {
      serverCpu: server * per100k,
      ...(this.processes.broker !== undefined && { brokerCpu: broker * per100k }),
      loadCpu: load / seconds,
      residentMib: sum(this.processes.server, residentKib) / 1024,
      othersCores: Math.max(0, (busy - server - broker - load) / seconds),
    };
  }
}

interface Snapshot {
  readonly at: number;
  readonly server: number;
  readonly broker: number;
  readonly load: number;
  readonly busy: number;
}

function snapshot({ server, broker, load }: Processes): Snapshot {
  return {
    at: performance.now(),
    server: sum(server, cpuSeconds),
    broker: broker === undefined ? 0 : cpuSeconds(broker),
    load: sum([process.pid, ...load], cpuSeconds),
    busy: busySeconds(),
  };
}

/** Of all processes together. */
export function sum(pids: number | readonly number[], read: (pid: number) => number): number {
  return [pids].flat().reduce((total, pid) => total + read(pid), 0);
}
