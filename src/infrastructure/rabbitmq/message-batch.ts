import type { NewMessage } from '../../application/ports/message-log';
import type { MessageEntry } from '../../domain/log/log-entry';
import type { Audience } from '../../domain/routing/audience';
import { MAX_MEMBERS, positionOf } from '../../protocol/cursor';

/*
 * Messages that share an entry, all numbers big-endian:
 *   version (1 byte) | number of messages (2) | time of the entry in ms (8, double), then for each message
 *   kind and flags (1) | length of its body (4) | [expiry in ms (8, double)] | texts | body
 * A text is its length in bytes (2) and its bytes: the id, the recipient of a unicast or the two label lists of a
 * multicast (JSON), the client type and the sender where the flags say so.
 */
const VERSION = 1;
const HEAD = 11;
const UNICAST = 0;
const MULTICAST = 1;
const BROADCAST = 2;
const KIND = 3;
const HAS_SENDER = 4;
const HAS_CLIENT_TYPE = 8;
const EXPIRES = 16;
/** Says nothing of the texts, so that a gateway of a build before reads the message all the same. */
const WANTS_RECEIPT = 32;
const CLOSE_OBJECT = 0x7d;

/** Bytes that a message takes in an entry at most: three for each UTF-16 code unit of a text. */
export function sizeOf({ message, body }: NewMessage): number {
  const { audience, sender } = message;
  let units = message.id.length + audience.clientType.length + (sender?.length ?? 0);
  if (audience.kind === 'unicast') units += audience.uniqueId.length;
  if (audience.kind === 'multicast') {
    units += JSON.stringify(audience.tags).length + JSON.stringify(audience.businesses).length;
  }
  return body.length + 3 * units + 32;
}

/** One entry of 1 to 999 messages; `time` in ms. */
export function encodeMessages(messages: readonly NewMessage[], time: number): Buffer {
  const writer = new Writer(messages);
  writer.head(messages.length, time);
  for (const one of messages) writer.message(one);
  return writer.bytes;
}

/** Reads them back at an offset of the log; undefined for what was not written like that. */
export function decodeMessages(
  content: Buffer,
  offset: number,
): readonly MessageEntry[] | undefined {
  try {
    return new Reader(content, offset).messages();
  } catch {
    // A length that leads out of the buffer, or labels that are no JSON.
    return undefined;
  }
}

class Writer {
  private readonly buffer: Buffer;
  private at = 0;

  constructor(messages: readonly NewMessage[]) {
    let size = HEAD;
    for (const one of messages) size += sizeOf(one);
    this.buffer = Buffer.allocUnsafe(size);
  }

  get bytes(): Buffer {
    return this.buffer.subarray(0, this.at);
  }

  head(count: number, time: number): void {
    this.at = this.buffer.writeUInt8(VERSION, this.at);
    this.at = this.buffer.writeUInt16BE(count, this.at);
    this.at = this.buffer.writeDoubleBE(time, this.at);
  }

  message({ message, body }: NewMessage): void {
    const { audience, expiresAt, receipt, sender } = message;
    let flags = kindOf(audience);
    if (sender !== undefined) flags |= HAS_SENDER;
    if (audience.clientType !== '') flags |= HAS_CLIENT_TYPE;
    if (expiresAt !== 0) flags |= EXPIRES;
    if (receipt) flags |= WANTS_RECEIPT;
    this.at = this.buffer.writeUInt8(flags, this.at);
    this.at = this.buffer.writeUInt32BE(body.length, this.at);
    if (expiresAt !== 0) this.at = this.buffer.writeDoubleBE(expiresAt, this.at);
    this.text(message.id);
    if (audience.kind === 'unicast') this.text(audience.uniqueId);
    if (audience.kind === 'multicast') {
      this.text(JSON.stringify(audience.tags));
      this.text(JSON.stringify(audience.businesses));
    }
    if (audience.clientType !== '') this.text(audience.clientType);
    if (sender !== undefined) this.text(sender);
    this.buffer.set(body, this.at);
    this.at += body.length;
  }

  private text(text: string): void {
    const length = this.buffer.write(text, this.at + 2);
    this.buffer.writeUInt16BE(length, this.at);
    this.at += 2 + length;
  }
}

class Reader {
  private at = HEAD;

  constructor(
    private readonly buffer: Buffer,
    private readonly offset: number,
  ) {}

  messages(): readonly MessageEntry[] | undefined {
    const count = this.buffer.readUInt16BE(1);
    const time = this.buffer.readDoubleBE(3);
    if (this.buffer[0] !== VERSION || count === 0 || count > MAX_MEMBERS) return undefined;
    const found: MessageEntry[] = [];
    for (let i = 0; i < count; i += 1) {
      const message = this.message(positionOf(this.offset, i), time);
      if (message === undefined) return undefined;
      found.push(message);
    }
    return this.at === this.buffer.length ? found : undefined;
  }

  private message(offset: number, time: number): MessageEntry | undefined {
    const flags = this.buffer.readUInt8(this.at);
    const length = this.buffer.readUInt32BE(this.at + 1);
    this.at += 5;
    const expiresAt = flags & EXPIRES ? this.double() : 0;
    const id = this.text();
    const audience = this.audience(flags);
    const sender = flags & HAS_SENDER ? this.text() : undefined;
    const body = this.buffer.subarray(this.at, this.at + length);
    this.at += length;
    if (audience === undefined || body[length - 1] !== CLOSE_OBJECT) return undefined;
    const receipt = (flags & WANTS_RECEIPT) !== 0;
    const position = { offset, timestamp: time, time };
    return { kind: 'message', id, sender, audience, expiresAt, receipt, body, ...position };
  }

  private audience(flags: number): Audience | undefined {
    const clientTyped = (flags & HAS_CLIENT_TYPE) !== 0;
    switch (flags & KIND) {
      case UNICAST: {
        const uniqueId = this.text();
        return { kind: 'unicast', uniqueId, clientType: clientTyped ? this.text() : '' };
      }
      case MULTICAST: {
        const tags = this.labels();
        const businesses = this.labels();
        return { kind: 'multicast', tags, businesses, clientType: clientTyped ? this.text() : '' };
      }
      case BROADCAST:
        return { kind: 'broadcast', clientType: clientTyped ? this.text() : '' };
      default:
        return undefined;
    }
  }

  private labels(): readonly string[] {
    return JSON.parse(this.text()) as readonly string[];
  }

  private double(): number {
    const value = this.buffer.readDoubleBE(this.at);
    this.at += 8;
    return value;
  }

  private text(): string {
    const start = this.at + 2;
    this.at = start + this.buffer.readUInt16BE(this.at);
    return this.buffer.toString('utf8', start, this.at);
  }
}

function kindOf(audience: Audience): number {
  if (audience.kind === 'unicast') return UNICAST;
  return audience.kind === 'multicast' ? MULTICAST : BROADCAST;
}
