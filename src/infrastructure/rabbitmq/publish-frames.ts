import {
  APP_ID,
  BODY,
  CONTENT_TYPE,
  CORRELATION_ID,
  DELIVERY_MODE,
  EXPIRATION,
  FRAME_END,
  HEADER,
  HEADERS,
  MESSAGE_ID,
  METHOD,
  TIMESTAMP,
  TYPE,
  USER_ID,
} from './amqp-frames';

/*
 * basic.publish as amqplib writes it, byte by byte (AMQP 0-9-1, sections 4.2.3 to 4.2.6 of the specification and
 * "Basic" of its class reference), several to a piece of memory. amqplib makes six buffers of a message, five of them
 * outside of V8's heap, and takes each through a stream of its own: 6.5 µs a message with its confirm, 3.0 like this
 * (docs/performance.md). What is rare, long or cannot be written is left to amqplib.
 */

const BASIC_PUBLISH = 0x3c0028;
const BASIC = 0x3c0000;

/** Bytes of a text at most, whose length is written in one of them. */
const MAX_TEXT = 255;
/** Bytes of a body that a frame takes on any connection (`frame-min-size`), without its head and end. */
const MAX_BODY = 4096 - 8;
/** Bytes of everything else, texts included, at most. */
const MAX_REST = 9 * (1 + 3 * MAX_TEXT) + 64;
const PAGE = 64 * 1024;
/** Bytes that go to the broker in one write: some dozen messages. */
export const PIECE = 8192;

/** Of a publish, as amqplib has converted it. */
export type PublishFields = Readonly<Record<string, unknown>>;

/** What is used of amqplib's `Connection`, which it does not show in its types. */
export interface PublishWire {
  /** By number: each has a stream whose pieces are written in their order. */
  readonly channels: readonly (
    { readonly buffer: { write(piece: Buffer): boolean } } | null | undefined
  )[];
  /** Asked and set back by its heartbeat. */
  sentSinceLastCheck: boolean;
  sendMethod(channel: number, method: number, fields: unknown): boolean;
  sendMessage(
    channel: number,
    method: number,
    fields: PublishFields,
    header: number,
    properties: PublishFields,
    content: Buffer,
  ): boolean;
}

/**
 * Lets a connection's publishes share memory and writes. The order within a channel stays, which the numbers of its confirms
 * follow. Once the connection has closed, amqplib replaces both methods again.
 */
export function shareFrames(wire: PublishWire): void {
  const frames = new PublishFrames(wire);
  const sendMethod = wire.sendMethod.bind(wire);
  const sendMessage = wire.sendMessage.bind(wire);
  wire.sendMethod = (channel, method, fields) => {
    frames.flush();
    return sendMethod(channel, method, fields);
  };
  wire.sendMessage = (channel, method, fields, header, properties, content) => {
    if (method === BASIC_PUBLISH && frames.take(channel, fields, properties, content)) return true;
    frames.flush();
    return sendMessage(channel, method, fields, header, properties, content);
  };
}

class PublishFrames {
  /** Made with the first publish: some connections have none. */
  private page: Buffer = Buffer.alloc(0);
  /** Where the next byte goes. */
  private at = 0;
  /** Where what has not been handed on begins. */
  private begin = 0;
  private channel = 0;
  private isScheduled = false;
  private isWritable = true;

  constructor(private readonly wire: PublishWire) {}

  /** False, and nothing has happened, when it is for amqplib itself to write or to refuse. */
  take(
    channel: number,
    fields: PublishFields,
    properties: PublishFields,
    content: Buffer,
  ): boolean {
    if (!isUsual(properties) || !Buffer.isBuffer(content)) return false;
    if (content.length === 0 || content.length > MAX_BODY) return false;
    if (channel !== this.channel) this.flush();
    this.channel = channel;
    this.makeRoom(content.length + MAX_REST);
    const { at } = this;
    if (!this.write(fields, properties, content)) {
      this.at = at;
      return false;
    }
    this.wire.sentSinceLastCheck = true;
    if (this.at - this.begin >= PIECE) this.flush();
    else this.schedule();
    return true;
  }

  /** Hands on what is ready. */
  flush(): void {
    if (this.at === this.begin) return;
    const piece = this.page.subarray(this.begin, this.at);
    this.begin = this.at;
    // A channel that has closed meanwhile settles itself what it had published.
    this.wire.channels[this.channel]?.buffer.write(piece);
  }

  /** Before amqplib looks for what there is to write, which it does with `setImmediate`. */
  private schedule(): void {
    if (this.isScheduled) return;
    this.isScheduled = true;
    process.nextTick(() => {
      this.isScheduled = false;
      this.flush();
    });
  }

  private makeRoom(bytes: number): void {
    if (this.page.length - this.at >= bytes) return;
    this.flush();
    this.page = Buffer.allocUnsafeSlow(PAGE);
    this.at = this.begin = 0;
  }

  /** False when AMQP has no form for it. */
  private write(fields: PublishFields, properties: PublishFields, content: Buffer): boolean {
    this.isWritable = true;
    this.method(fields);
    this.header(properties, content.length);
    this.body(content);
    return this.isWritable;
  }

  private method({ exchange, routingKey, mandatory }: PublishFields): void {
    const start = this.start(METHOD);
    this.long(BASIC_PUBLISH);
    // The ticket, of a former version.
    this.short(0);
    this.text(0, exchange ?? '');
    this.text(0, routingKey ?? '');
    this.octet(mandatory === true ? 1 : 0);
    this.end(start);
  }

  private header(properties: PublishFields, length: number): void {
    const start = this.start(HEADER);
    this.long(BASIC);
    this.long(0);
    this.long(length);
    const at = this.at;
    this.at += 2;
    const flags =
      this.text(CONTENT_TYPE, properties['contentType']) |
      this.emptyTable(HEADERS) |
      this.mode(DELIVERY_MODE, properties['deliveryMode']) |
      this.text(CORRELATION_ID, properties['correlationId']) |
      this.text(EXPIRATION, properties['expiration']) |
      this.text(MESSAGE_ID, properties['messageId']) |
      this.time(TIMESTAMP, properties['timestamp']) |
      this.text(TYPE, properties['type']) |
      this.text(USER_ID, properties['userId']) |
      this.text(APP_ID, properties['appId']);
    this.page[at] = flags >>> 8;
    this.page[at + 1] = flags;
    this.end(start);
  }

  private body(content: Buffer): void {
    const start = this.start(BODY);
    this.page.set(content, this.at);
    this.at += content.length;
    this.end(start);
  }

  /** The place of a frame's length. */
  private start(type: number): number {
    this.octet(type);
    this.short(this.channel);
    const { at } = this;
    this.at += 4;
    return at;
  }

  private end(start: number): void {
    const { at } = this;
    this.at = start;
    this.long(at - start - 4);
    this.at = at;
    this.octet(FRAME_END);
  }

  /** The flag of what was written, 0 for what there is not. */
  private text(flag: number, value: unknown): number {
    if (value === undefined) return 0;
    if (typeof value !== 'string' || value.length > MAX_TEXT) {
      this.isWritable = false;
      return 0;
    }
    const bytes = this.page.write(value, this.at + 1);
    if (bytes > MAX_TEXT) this.isWritable = false;
    this.page[this.at] = bytes;
    this.at += 1 + bytes;
    return flag;
  }

  private emptyTable(flag: number): number {
    this.long(0);
    return flag;
  }

  private mode(flag: number, value: unknown): number {
    if (value === undefined) return 0;
    if (value !== 1 && value !== 2) this.isWritable = false;
    this.octet(value === 2 ? 2 : 1);
    return flag;
  }

  private time(flag: number, value: unknown): number {
    if (value === undefined) return 0;
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
      this.isWritable = false;
      return 0;
    }
    this.long(Math.floor(value / 2 ** 32));
    this.long(value);
    return flag;
  }

  private octet(value: number): void {
    this.page[this.at] = value;
    this.at += 1;
  }

  private short(value: number): void {
    const { page, at } = this;
    page[at] = value >>> 8;
    page[at + 1] = value;
    this.at = at + 2;
  }

  private long(value: number): void {
    const { page, at } = this;
    page[at] = value >>> 24;
    page[at + 1] = value >>> 16;
    page[at + 2] = value >>> 8;
    page[at + 3] = value;
    this.at = at + 4;
  }
}

/** Without the properties that are left to amqplib. */
function isUsual(properties: PublishFields): boolean {
  for (const _ in properties['headers'] as object) return false;
  return (
    properties['contentEncoding'] === undefined &&
    properties['priority'] === undefined &&
    properties['replyTo'] === undefined &&
    properties['clusterId'] === undefined
  );
}
