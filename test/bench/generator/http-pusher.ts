import { connect, type Socket } from 'node:net';

import type { HttpPlan, Published } from './commands';
import { pace } from './pacer';
import { Account, settled } from './publisher';
import { microseconds, Template } from './template';

const END_OF_HEAD = Buffer.from('\r\n\r\n');
const LENGTH = /content-length: (\d+)/i;

/** Called with each answer. */
type OnAnswer = (line: HttpLine, status: string, body: Buffer) => void;

/** A keep-alive connection with one request on its way at most. */
class HttpLine {
  private readonly socket: Socket;
  private rest: Buffer = Buffer.alloc(0);
  /** Numbers of the messages in the request on its way. */
  numbers: number[] = [];

  constructor(
    port: number,
    private readonly onAnswer: OnAnswer,
    onError: (text: string) => void,
  ) {
    this.socket = connect({ host: '127.0.0.1', port, noDelay: true });
    this.socket.on('data', (chunk) => {
      this.read(chunk);
    });
    this.socket.on('error', (error) => {
      onError(error.message);
    });
  }

  write(bytes: Buffer): void {
    this.socket.write(bytes);
  }

  destroy(): void {
    this.socket.destroy();
  }

  private read(chunk: Buffer): void {
    this.rest = this.rest.length > 0 ? Buffer.concat([this.rest, chunk]) : chunk;
    const end = this.rest.indexOf(END_OF_HEAD);
    if (end === -1) return;
    const head = this.rest.toString('latin1', 0, end);
    const length = Number(LENGTH.exec(head)?.[1] ?? 0);
    const start = end + END_OF_HEAD.length;
    if (this.rest.length < start + length) return;
    const body = this.rest.subarray(start, start + length);
    this.rest = Buffer.alloc(0);
    this.onAnswer(this, head.slice(9, 12), body);
  }
}

/** Pushes by REST, one body or one list a request, over several keep-alive connections. */
export class HttpPusher {
  private readonly free: HttpLine[] = [];
  private readonly lines: HttpLine[] = [];
  private readonly account: Account;
  private readonly body: Template;
  private readonly head: Buffer;
  private readonly perRequest: number;

  constructor(
    private readonly plan: HttpPlan,
    private readonly firstSequence: number,
  ) {
    this.account = new Account(plan.count, Math.max(plan.users, 1));
    this.body = new Template(Buffer.from(plan.body));
    this.perRequest = Math.max(plan.batch, 1);
    this.head = headOf(plan, this.contentLength);
    for (let i = 0; i < plan.connections; i += 1) {
      const line = new HttpLine(
        plan.ports[i % plan.ports.length] ?? 0,
        (answered, status, body) => {
          this.onAnswer(answered, status, body);
        },
        (text) => {
          this.account.problem ||= text;
        },
      );
      this.lines.push(line);
      this.free.push(line);
    }
  }

  async run(): Promise<Published> {
    const { rate } = this.plan;
    if (rate > 0) await this.paced(rate / this.perRequest);
    else
      for (let line = this.free.pop(); line !== undefined; line = this.free.pop()) this.next(line);
    await settled(this.account);
    for (const line of this.lines) line.destroy();
    return this.account.report();
  }

  private get requests(): number {
    return Math.floor(this.plan.count / this.perRequest);
  }

  private async paced(rate: number): Promise<void> {
    await pace(
      { count: this.requests, rate, window: 0 },
      () => 0,
      (due) => {
        for (let i = 0; i < due; i += 1) {
          const line = this.free.pop();
          if (line === undefined) this.account.problem ||= 'no connection was free for the rate';
          else this.send(line);
        }
      },
    );
  }

  /** The line's next request, as soon as its last one was answered; nothing runs in between. */
  private next(line: HttpLine): void {
    const { sent, problem } = this.account;
    if (sent < this.requests * this.perRequest && problem === '') this.send(line);
  }

  private get contentLength(): number {
    const { batch } = this.plan;
    // A list has its commas between, and brackets around.
    return batch === 0 ? this.body.length : batch * (this.body.length + 1) + 1;
  }

  private send(line: HttpLine): void {
    const bytes = Buffer.allocUnsafe(this.head.length + this.contentLength);
    this.head.copy(bytes);
    let at = this.head.length;
    const now = microseconds();
    line.numbers = [];
    for (let i = 0; i < this.perRequest; i += 1) {
      if (this.plan.batch > 0) at = bytes.writeUInt8(i === 0 ? 0x5b : 0x2c, at);
      const { user, number } = this.account.next(now);
      line.numbers.push(number);
      this.body.write(bytes, at, user, this.firstSequence + number, now);
      at += this.body.length;
    }
    if (this.plan.batch > 0) bytes.writeUInt8(0x5d, at);
    line.write(bytes);
  }

  private onAnswer(line: HttpLine, status: string, body: Buffer): void {
    const now = microseconds();
    // In the answer to a list each item has a result of its own.
    const results = body.toString('latin1').match(/"result":0,/g)?.length ?? 0;
    const wanted = this.plan.batch === 0 ? 1 : this.plan.batch + 1;
    if (status === '202' && results === wanted) {
      for (const number of line.numbers) this.account.confirm(number, now);
    } else {
      this.account.problem ||= `${status} ${body.toString('utf8', 0, 120)}`;
    }
    if (this.plan.rate > 0) this.free.push(line);
    else this.next(line);
  }
}

function headOf({ path, key }: HttpPlan, length: number): Buffer {
  return Buffer.from(
    [
      `POST ${path} HTTP/1.1`,
      'Host: 127.0.0.1',
      `Authorization: Bearer ${key}`,
      'Content-Type: application/json',
      `Content-Length: ${String(length)}`,
      '',
      '',
    ].join('\r\n'),
  );
}
