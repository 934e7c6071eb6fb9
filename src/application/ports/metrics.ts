/** Everything that is counted, by name; the exporter turns `pushAccepted` into `wirepost_push_accepted_total`. */
export type CounterName =
  | 'pushAccepted'
  | 'pushRefused'
  | 'upstreamAccepted'
  | 'upstreamRejected'
  | 'entriesRead'
  | 'entriesInvalid'
  | 'entriesDuplicate'
  | 'entriesExpired'
  | 'framesDelivered'
  | 'gaps'
  | 'pauses'
  | 'connectionsOpened'
  | 'connectionsRefused'
  | 'connectionsClosed'
  | 'framesBad'
  | 'heartbeatsMissed'
  | 'handlerDone'
  | 'handlerRetried'
  | 'handlerRejected'
  | 'handlerRepeated'
  | 'logResets'
  | 'logHoles';

/** Counts events. */
export abstract class Metrics {
  abstract count(name: CounterName, by?: number): void;
  /** How often it was counted since the start. */
  abstract total(name: CounterName): number;
}

/** Values that are read when somebody asks, by name. */
export type Gauges = Readonly<Record<string, () => number>>;

/** The exporter's side. */
export abstract class MetricsPage {
  abstract observe(gauges: Gauges): void;
  abstract readonly contentType: string;
  abstract text(): Promise<string>;
}
