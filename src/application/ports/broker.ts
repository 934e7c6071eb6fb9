/** The process behind the log and the queues, seen by a node's start and its shutdown. */
export abstract class Broker {
  /** Rejects, naming the setting, when it cannot be reached in time. */
  abstract connect(): Promise<void>;
  abstract close(): Promise<void>;
}
