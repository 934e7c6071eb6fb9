/**
 * The user by which this service is known to the broker, and those whose messages are believed like its own: another
 * service's user, or the one before a change of it. RabbitMQ verifies the `user-id` property against the publishing
 * connection (https://www.rabbitmq.com/docs/validated-user-id), so that a name there is nobody else's.
 */
export class BrokerUser {
  private readonly believed: ReadonlySet<unknown>;

  constructor(
    readonly name: string,
    trusted: readonly string[] = [],
  ) {
    this.believed = new Set([name, ...trusted]);
  }

  /** The user that a connection URL names; RabbitMQ's own default without one. */
  static of(url: string, trusted: readonly string[]): BrokerUser {
    return new BrokerUser(decodeURIComponent(new URL(url).username) || 'guest', trusted);
  }

  /** `userId`: the property as it came, undefined without one. */
  believes(userId: unknown): boolean {
    return this.believed.has(userId);
  }
}
