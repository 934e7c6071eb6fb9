import { dirname, join } from 'node:path';
import type { Duplex } from 'node:stream';

import type { ConfirmChannel } from 'amqplib';

import type { DeliveryWire } from '../../src/infrastructure/rabbitmq/delivery-frames';
import type { PublishWire } from '../../src/infrastructure/rabbitmq/publish-frames';

/** A connection of amqplib's without a broker. */
export interface Wire extends PublishWire, DeliveryWire {
  accept: (frame: object) => void;
  maxFrameSize: number;
  acceptLoop(): void;
  on(event: 'frameError', listener: (error: Error) => void): void;
}

export type WiredChannel = ConfirmChannel & {
  allocate(): void;
  sendImmediately(method: number, fields: object): void;
};

interface Definitions {
  readonly encodeMethod: (id: number, channel: number, fields: object) => Buffer;
  readonly encodeProperties: (id: number, channel: number, size: number, fields: object) => Buffer;
}

/** Parts of amqplib that it does not export, to compare with. */
const library = join(dirname(require.resolve('amqplib')), 'lib');
/* eslint-disable @typescript-eslint/no-require-imports */
export const { Connection } = require(join(library, 'connection.js')) as {
  Connection: new (stream: Duplex) => Wire;
};
export const { ConfirmChannel: WiredConfirmChannel } = require(
  join(library, 'channel_model.js'),
) as { ConfirmChannel: new (wire: PublishWire) => WiredChannel };
export const { encodeMethod, encodeProperties } = require(join(library, 'defs.js')) as Definitions;
/* eslint-enable @typescript-eslint/no-require-imports */
