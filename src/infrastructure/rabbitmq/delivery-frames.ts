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
 * The frames of deliveries as amqplib reads them (AMQP 0-9-1, sections 4.2.3 to 4.2.6, basic.deliver), with less effort: amqplib
 * cuts a dozen views and eight texts of each message, most of them the same as of the one before. 1.3 to 1.5 in place of
 * 2.5 to 3.0 µs of processor time a message of a stream (docs/performance.md). Every other frame is left to amqplib.
 */

/** Bytes of a frame around its payload, and where that begins. */
const AROUND = 8;
const PAYLOAD = 7;
const BASIC_DELIVER = 0x3c003c;
const BASIC = 0x3c;

const KNOWN =
  CONTENT_TYPE |
  HEADERS |
  DELIVERY_MODE |
  CORRELATION_ID |
  EXPIRATION |
  MESSAGE_ID |
  TIMESTAMP |
  TYPE |
  USER_ID |
  APP_ID;

/** A table with the one header of a stream's delivery, up to its value: a signed integer of 64 bits. */
const OFFSET_NAME = 'x-stream-offset';
const OFFSET_TABLE = Buffer.from(`\0\0\0\u0019\u000f${OFFSET_NAME}l`, 'latin1');

/** A frame as amqplib's channels take it; false when none is complete. */
type Frame = object | false;

/** What is used of amqplib's `Connection`, which it does not show in its types. */
export interface DeliveryWire {
  readonly stream: { read(): Buffer | null };
  /** What has been read of the stream and not been made a frame. */
  rest: Buffer;
  /** Asked and set back by its heartbeat. */
  recvSinceLastCheck: boolean;
  /** Bytes of a payload at most; 0 = any. */
  readonly maxFrameSize: number;
  recvFrame(): Frame;
}

/** Lets a connection read deliveries like this. */
export function readDeliveries(wire: DeliveryWire): void {
  const frames = new DeliveryFrames(wire, wire.recvFrame.bind(wire));
  wire.recvFrame = () => frames.next();
}

class DeliveryFrames {
  /** What is being read, and where it goes on. */
  private bytes: Buffer = Buffer.alloc(0);
  private at = 0;
  /** False while what is to be read next is `rest` of the connection. */
  private isReading = false;
  /** Those properties that a message has. */
  private flags = 0;
  private readonly consumerTag = new LastText();
  private readonly exchange = new LastText();
  private readonly routingKey = new LastText();
  private readonly contentType = new LastText();
  private readonly type = new LastText();
  private readonly userId = new LastText();

  constructor(
    private readonly wire: DeliveryWire,
    private readonly amqplib: () => Frame,
  ) {}

  next(): Frame {
    if (!this.isReading) {
      this.bytes = this.wire.rest;
      this.at = 0;
      this.isReading = true;
    }
    if (!this.fill()) return false;
    const { bytes, at } = this;
    const end = at + PAYLOAD + long(bytes, at + 3);
    const frame = bytes[end] === FRAME_END && !this.isTooLarge ? this.read(end) : undefined;
    if (frame === undefined) {
      this.wire.rest = bytes.subarray(at);
      this.isReading = false;
      return this.amqplib();
    }
    this.at = end + 1;
    return frame;
  }

  /** Reads until a frame is whole; false when there is no more yet. */
  private fill(): boolean {
    for (;;) {
      const left = this.bytes.length - this.at;
      if (left >= AROUND && (left >= AROUND + long(this.bytes, this.at + 3) || this.isTooLarge))
        return true;
      const incoming = this.wire.stream.read();
      if (incoming === null) return false;
      this.wire.recvSinceLastCheck = true;
      this.bytes = left === 0 ? incoming : Buffer.concat([this.bytes.subarray(this.at), incoming]);
      this.at = 0;
    }
  }

  /** One that amqplib refuses as soon as it is announced. */
  private get isTooLarge(): boolean {
    const { maxFrameSize } = this.wire;
    return maxFrameSize > 0 && long(this.bytes, this.at + 3) > maxFrameSize;
  }

  /** The frame whose payload ends at `end`; undefined for one that is for amqplib to read. */
  private read(end: number): Frame | undefined {
    const { bytes, at } = this;
    const channel = short(bytes, at + 1);
    this.at = at + PAYLOAD;
    const frame = this.frameOf(bytes[at], channel, end);
    const isWhole = this.at === end;
    this.at = at;
    return isWhole ? frame : undefined;
  }

  private frameOf(type: number | undefined, channel: number, end: number): Frame | undefined {
    const { bytes, at } = this;
    if (type === BODY) {
      this.at = end;
      return { channel, content: bytes.subarray(at, end) };
    }
    if (type === METHOD && long(bytes, at) === BASIC_DELIVER) {
      this.at += 4;
      return { id: BASIC_DELIVER, channel, fields: this.deliver() };
    }
    if (type !== HEADER || short(bytes, at) !== BASIC) return undefined;
    this.at += 4;
    if (this.isNegative) return undefined;
    const size = this.longLong();
    const fields = this.properties();
    return fields && { id: BASIC, channel, size, fields };
  }

  private deliver(): object {
    return {
      consumerTag: this.text(this.consumerTag),
      deliveryTag: this.longLong(),
      redelivered: (this.octet() & 1) === 1,
      exchange: this.text(this.exchange),
      routingKey: this.text(this.routingKey),
    };
  }

  /** All names in the order in which amqplib has them. Undefined where one is not known here. */
  private properties(): object | undefined {
    this.flags = short(this.bytes, this.at);
    this.at += 2;
    if ((this.flags & ~KNOWN) !== 0 || (this.flags & HEADERS) === 0) return undefined;
    const contentType = this.optional(CONTENT_TYPE, this.contentType);
    const headers = this.headers();
    return (
      headers && {
        contentType,
        contentEncoding: undefined,
        headers,
        deliveryMode: this.flags & DELIVERY_MODE ? this.octet() : undefined,
        priority: undefined,
        correlationId: this.optional(CORRELATION_ID),
        replyTo: undefined,
        expiration: this.optional(EXPIRATION),
        messageId: this.optional(MESSAGE_ID),
        timestamp: this.flags & TIMESTAMP ? this.longLong() : undefined,
        type: this.optional(TYPE, this.type),
        userId: this.optional(USER_ID, this.userId),
        appId: this.optional(APP_ID),
        clusterId: undefined,
      }
    );
  }

  /** The offset of a stream's entry, where that is all. */
  private headers(): object | undefined {
    const { bytes, at } = this;
    for (let i = 0; i < OFFSET_TABLE.length; i += 1)
      if (bytes[at + i] !== OFFSET_TABLE[i]) return undefined;
    this.at += OFFSET_TABLE.length;
    return this.isNegative ? undefined : { [OFFSET_NAME]: this.longLong() };
  }

  private optional(flag: number, last?: LastText): string | undefined {
    return this.flags & flag ? this.text(last) : undefined;
  }

  private text(last?: LastText): string {
    const start = this.at + 1;
    this.at = start + this.octet();
    if (last !== undefined) return last.read(this.bytes, start, this.at);
    return this.bytes.toString('utf8', start, this.at);
  }

  private octet(): number {
    const value = this.bytes[this.at] ?? 0;
    this.at += 1;
    return value;
  }

  /** Of an integer with a sign. */
  private get isNegative(): boolean {
    return ((this.bytes[this.at] ?? 0) & 0x80) !== 0;
  }

  /** Without a sign. */
  private longLong(): number {
    const { bytes, at } = this;
    this.at += 8;
    return long(bytes, at) * 2 ** 32 + long(bytes, at + 4);
  }
}

/** A text that is mostly the one before. */
class LastText {
  private bytes: Buffer = Buffer.alloc(0);
  private last = '';

  read(from: Buffer, start: number, end: number): string {
    if (!this.isLast(from, start, end)) {
      this.bytes = Buffer.from(from.subarray(start, end));
      this.last = this.bytes.toString();
    }
    return this.last;
  }

  private isLast(from: Buffer, start: number, end: number): boolean {
    const { bytes } = this;
    if (bytes.length !== end - start) return false;
    for (let i = 0; i < bytes.length; i += 1) if (bytes[i] !== from[start + i]) return false;
    return true;
  }
}

function short(bytes: Buffer, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}

function long(bytes: Buffer, at: number): number {
  return short(bytes, at) * 2 ** 16 + short(bytes, at + 2);
}
