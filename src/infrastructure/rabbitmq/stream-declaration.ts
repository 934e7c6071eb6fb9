import type { Channel } from 'amqplib';

import type { RabbitMqSettings } from './rabbitmq-settings';

/** How much of a stream the broker keeps. */
export type Retention = Pick<RabbitMqSettings, 'logMaxAge' | 'logMaxBytes'>;

const MAX_SEGMENT = 100 * 1024 * 1024;
const MIN_SEGMENT = 64 * 1024;

const MAX_AGE = 'x-max-age';
const MAX_BYTES = 'x-max-length-bytes';
const SEGMENT = 'x-stream-max-segment-size-bytes';

/** The settings that decide about arguments of the log. */
export const LOG_SETTINGS: ReadonlyMap<string, string> = new Map([
  [MAX_AGE, 'LOG_MAX_AGE'],
  [MAX_BYTES, 'LOG_MAX_BYTES'],
  [SEGMENT, 'LOG_MAX_BYTES'],
]);

/** How the broker refuses a declaration with another argument than the first one. */
const INEQUIVALENT =
  /inequivalent arg '([^']+)' for queue .* but current is (?:the value )?'([^']*)'/s;

/**
 * Declares a stream. RabbitMQ takes its retention from the first declaration, or from a policy, and refuses a later one
 * that has another; so a setting that was changed since is no reason to do without the stream.
 */
export class StreamDeclaration {
  private readonly args: Map<string, string | number>;

  /** `settings`: those that may differ from what the stream has. */
  constructor(
    private readonly name: string,
    { logMaxAge, logMaxBytes }: Retention,
    private readonly settings: ReadonlyMap<string, string> = new Map(),
  ) {
    this.args = new Map<string, string | number>([
      [MAX_AGE, `${String(Math.ceil(logMaxAge / 1000))}s`],
      [MAX_BYTES, logMaxBytes],
      [SEGMENT, segmentFor(logMaxBytes)],
    ]);
  }

  /** Rejects, with a sentence, when the stream has another retention: the next time it is declared with that. */
  async declare(channel: Channel): Promise<void> {
    try {
      await channel.assertQueue(this.name, {
        durable: true,
        arguments: { 'x-queue-type': 'stream', ...Object.fromEntries(this.args) },
      });
    } catch (error) {
      throw this.adopt(error) ?? error;
    }
  }

  private adopt(error: unknown): Error | undefined {
    const [, arg = '', current = ''] =
      INEQUIVALENT.exec(error instanceof Error ? error.message : '') ?? [];
    const setting = this.settings.get(arg);
    const value = arg === MAX_AGE ? current : Number(current);
    if (setting === undefined || value === '' || Number.isNaN(value)) return undefined;
    this.args.set(arg, value);
    if (arg === MAX_BYTES) this.args.set(SEGMENT, segmentFor(Number(value)));
    return new Error(
      `${setting} is not what the stream ${this.name} was declared with (${current}), which goes on to count unless a policy says ` +
        'otherwise: rabbitmqctl set_policy, see docs/operations.md, RabbitMQ',
      { cause: error },
    );
  }
}

/** Retention drops whole segments, so they are small beside it. */
function segmentFor(bytes: number): number {
  return Math.min(MAX_SEGMENT, Math.max(MIN_SEGMENT, Math.floor(bytes / 10)));
}
