/** Everything that is counted, by name; the exporter turns `pushAccepted` into `wirepost_push_accepted_total`. */
export const COUNTERS = [
  'pushAccepted',
  'pushRefused',
  'upstreamAccepted',
  'upstreamRejected',
  'controlRejected',
  'entriesRead',
  'entriesInternal',
  'entriesInvalid',
  'entriesDuplicate',
  'entriesExpired',
  'framesDelivered',
  'gaps',
  'pauses',
  'connectionsOpened',
  'connectionsRefused',
  'connectionsClosed',
  'framesBad',
  'clientsThrottled',
  'heartbeatsMissed',
  'sessionsEnded',
  'receiptsGiven',
  'receiptsDeferred',
  'handlerDone',
  'handlerRetried',
  'handlerRejected',
  'handlerRepeated',
  'logResets',
  'logHoles',
] as const;
export type CounterName = (typeof COUNTERS)[number];

/** Everything that is timed, in ms: from logged to written to the sockets of this node, once for each turn of the event loop. */
export type TimingName = 'deliveryLatency';
/** Timings of this many ms and longer are not told apart. */
export const LONGEST = 10_000;

/** Counts events, and how long they took. */
export abstract class Metrics {
  abstract count(name: CounterName, by?: number): void;
  /** How often it was counted since the start. */
  abstract total(name: CounterName): number;
  abstract time(name: TimingName, ms: number): void;
  /** How often each whole number of ms up to LONGEST was timed since the start; it goes on counting. */
  abstract times(name: TimingName): Uint32Array;
}

/** Values that are read when somebody asks, by name. */
export type Gauges = Readonly<Record<string, () => number>>;

/** What a gauge is when the page stands for several nodes. */
export type Together = 'sum' | 'min' | 'max';

/** The exporter's side. */
export abstract class MetricsPage {
  abstract observe(gauges: Gauges, together?: Together): void;
  abstract readonly contentType: string;
  abstract text(): Promise<string>;
}
