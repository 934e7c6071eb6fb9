import { connect, type Socket } from 'node:net';

import { Account, settled } from './publisher';
import type { AmqpPlan, Published } from './commands';
import { pace } from './pacer';
import { microseconds, SEQUENCE, Template } from './template';

const METHOD = 1;
const HEADER = 2;
const BODY = 3;
const FRAME_END = 0xce;
const FRAME_HEAD = 7;
const ACK = 80;
const BASIC = 60;
const CONNECTION = 10;
const CHANNEL = 20;
const CONFIRM = 85;
const CLOSE = new Set([50, 40]);

interface Method {
  readonly classId: number;
  readonly methodId: number;
  readonly args: Buffer;
}

/** A channel, what is published on it, and which messages its confirms are for. */
interface Channel {
  readonly message: Template;
  /** Number of the message with delivery tag i + 1. */
  readonly numbers: number[];
  nextTag: number;
}

/**
 * Publishes as any backend does: persistent, with confirms, each message a publish of its own. AMQP 0-9-1 on a bare
 * socket, with the bytes of a message made beforehand, since a library would cost more than what is measured. Each
 * routing key has a channel of its own: confirms of several queues on one channel come out of order, so the broker
 * could not send one for many.
 */
export class AmqpPublisher {
  private readonly socket: Socket;
  private rest: Buffer = Buffer.alloc(0);
  private expected: ((method: Method) => void) | undefined;
  private account: Account | undefined;
  /** By number; 0 is the connection's own. */
  private readonly channels: (Channel | undefined)[] = [undefined];
  private failure: ((error: Error) => void) | undefined;

  private constructor(private readonly plan: AmqpPlan) {
    this.socket = connect({ host: '127.0.0.1', port: plan.port, noDelay: true });
    this.socket.on('data', (chunk) => {
      this.read(chunk);
    });
    this.socket.on('error', (error) => {
      this.fail(error.message);
    });
  }

  static async publish(plan: AmqpPlan, firstSequence: number): Promise<Published> {
    const publisher = new AmqpPublisher(plan);
    try {
      await publisher.greet();
      return await publisher.run(firstSequence);
    } finally {
      publisher.socket.destroy();
    }
  }

  private async greet(): Promise<void> {
    const { user, password } = this.plan;
    this.socket.write('AMQP\0\0\x09\x01', 'latin1');
    await this.answer();
    const login = Buffer.from(`\0${user}\0${password}`);
    await this.ask(
      method(0, CONNECTION, 11, [long(0), short8('PLAIN'), long(login.length), login, short8('C')]),
      ({ args }) => {
        const frameMax = args.readUInt32BE(2);
        this.socket.write(method(0, CONNECTION, 31, [u16(8), long(frameMax), u16(0)]));
      },
    );
    await this.ask(method(0, CONNECTION, 40, [short8('/'), short8(''), Buffer.alloc(1)]));
  }

  /** The channel for messages to user i, counted round and round. */
  private async openChannels(): Promise<readonly Channel[]> {
    const byKey = new Map<string, Channel>();
    for (const key of new Set(this.plan.routingKeys)) {
      const number = this.channels.length;
      const message = new Template(messageOf(this.plan, number, key));
      const channel = { message, numbers: [], nextTag: 1 };
      this.channels.push(channel);
      byKey.set(key, channel);
      await this.ask(method(number, CHANNEL, 10, [short8('')]));
      await this.ask(method(number, CONFIRM, 10, [Buffer.alloc(1)]));
    }
    return this.plan.routingKeys.flatMap((key) => byKey.get(key) ?? []);
  }

  private async run(firstSequence: number): Promise<Published> {
    const { count, users } = this.plan;
    const channels = await this.openChannels();
    const longest = Math.max(...channels.map(({ message }) => message.length));
    const account = new Account(count, Math.max(users, 1));
    this.account = account;
    await pace(
      this.plan,
      () => account.unanswered,
      (due) => {
        const bytes = Buffer.allocUnsafe(longest * due);
        const now = microseconds();
        let end = 0;
        for (let i = 0; i < due; i += 1) {
          const { user, number } = account.next(now);
          const channel = channels[user % channels.length];
          if (channel === undefined) throw new Error('there is nothing to publish');
          channel.message.write(bytes, end, user, firstSequence + number, now);
          channel.numbers.push(number);
          end += channel.message.length;
        }
        this.socket.write(bytes.subarray(0, end));
      },
    );
    await settled(account);
    return account.report();
  }

  private ask(bytes: Buffer, then?: (method: Method) => void): Promise<void> {
    this.socket.write(bytes);
    return this.answer(then);
  }

  private answer(then?: (method: Method) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      this.failure = reject;
      this.expected = (method) => {
        then?.(method);
        resolve();
      };
    });
  }

  private read(chunk: Buffer): void {
    let bytes = this.rest.length > 0 ? Buffer.concat([this.rest, chunk]) : chunk;
    for (;;) {
      if (bytes.length < FRAME_HEAD) break;
      const end = FRAME_HEAD + bytes.readUInt32BE(3) + 1;
      if (bytes.length < end) break;
      if (bytes[0] === METHOD) this.on(bytes.readUInt16BE(1), bytes.subarray(FRAME_HEAD, end - 1));
      bytes = bytes.subarray(end);
    }
    this.rest = Buffer.from(bytes);
  }

  private on(channel: number, payload: Buffer): void {
    const [classId, methodId] = [payload.readUInt16BE(0), payload.readUInt16BE(2)];
    const args = payload.subarray(4);
    if (classId === BASIC) {
      this.onBasic(channel, methodId, args);
      return;
    }
    if (CLOSE.has(methodId) && (classId === CONNECTION || classId === CHANNEL)) {
      // Code, then the text with its length in front; (10, 40) is what we send, never what comes.
      this.fail(`closed by the broker: ${args.toString('latin1', 3, 3 + (args[2] ?? 0))}`);
      return;
    }
    this.expected?.({ classId, methodId, args });
  }

  private onBasic(number: number, methodId: number, args: Buffer): void {
    const { account } = this;
    const channel = this.channels[number];
    if (account === undefined || channel === undefined) return;
    if (methodId !== ACK) {
      account.problem ||= methodId === 50 ? 'returned by the broker' : 'refused by the broker';
      return;
    }
    const tag = Number(args.readBigUInt64BE(0));
    const now = microseconds();
    if (args[8] === 1) {
      for (; channel.nextTag < tag; channel.nextTag += 1)
        confirm(account, channel, now, channel.nextTag);
    }
    confirm(account, channel, now, tag);
  }

  private fail(text: string): void {
    if (this.account !== undefined) this.account.problem ||= text;
    this.failure?.(new Error(text));
  }
}

function confirm(account: Account, { numbers }: Channel, now: number, tag: number): void {
  const number = numbers[tag - 1];
  if (number === undefined) account.problem ||= 'confirmed what was not published';
  else account.confirm(number, now);
}

/** The three frames of a publish. */
function messageOf({ exchange, body }: AmqpPlan, channel: number, routingKey: string): Buffer {
  const content = Buffer.from(body);
  const size = Buffer.alloc(8);
  size.writeBigUInt64BE(BigInt(content.length));
  const mandatory = Buffer.from([1]);
  const publish = method(channel, BASIC, 40, [
    u16(0),
    short8(exchange),
    short8(routingKey),
    mandatory,
  ]);
  // Content type, persistent, message id.
  const flags = u16((1 << 15) | (1 << 12) | (1 << 7));
  const properties = [short8('application/json'), Buffer.from([2]), short8(SEQUENCE)];
  const header = Buffer.concat([u16(BASIC), u16(0), size, flags, ...properties]);
  return Buffer.concat([publish, frame(HEADER, channel, header), frame(BODY, channel, content)]);
}

function method(channel: number, classId: number, methodId: number, args: Buffer[]): Buffer {
  return frame(METHOD, channel, Buffer.concat([u16(classId), u16(methodId), ...args]));
}

function frame(type: number, channel: number, payload: Buffer): Buffer {
  return Buffer.concat([
    Buffer.from([type]),
    u16(channel),
    long(payload.length),
    payload,
    Buffer.from([FRAME_END]),
  ]);
}

function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

function long(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function short8(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([Buffer.from([bytes.length]), bytes]);
}
