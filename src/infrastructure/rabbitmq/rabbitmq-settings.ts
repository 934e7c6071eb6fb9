/** Settings of the RabbitMQ side; durations in ms, sizes in bytes. */
export interface RabbitMqSettings {
  /** One URL, or those of a cluster's nodes. */
  readonly urls: readonly string[];
  /** Users whose messages are believed like this one's own, see BrokerUser. */
  readonly trustedUsers: readonly string[];
  /** Put before every exchange and queue name. */
  readonly prefix: string;
  readonly connectTimeout: number;
  /** A publish that is not confirmed by then has an unknown outcome. */
  readonly publishTimeout: number;
  readonly logMaxAge: number;
  readonly logMaxBytes: number;
  /** Delays of redelivery, growing. */
  readonly retryDelays: readonly number[];
}
