import { createHash } from 'node:crypto';
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import type { UnifiedBody } from '../../src/protocol/unified-body';

/** How a message is sent. */
export type Channel = 'rest' | 'batch' | 'repeat' | 'amqp' | 'client' | 'upstream' | 'probe';

/** An operation begins: one message is to reach every client of its audience. */
export interface Invoke {
  readonly kind: 'invoke';
  /** Also the messageId, or the correlationId of the reply. */
  readonly op: string;
  readonly channel: Channel;
  readonly sender: string;
  /** Number within the sender, from 1. */
  readonly seq: number;
  /** Names of the clients that must get it. */
  readonly audience: readonly string[];
  /** The authenticated sender that receivers must see; absent: a service. */
  readonly from?: string;
  /** False where the service promises no order: replies of handlers that run side by side. */
  readonly ordered: boolean;
  /** ms within which it must be complete. */
  readonly deadline: number;
  /** What it says, see `meaning`; absent where a handler makes the answer. */
  readonly meaning?: string;
}

/**
 * An operation ends: `ok` accepted; `fail` refused for certain, and must not be delivered; `info` nobody knows.
 * `silent` tells that an attempt got no answer at all within its time.
 */
export interface Complete {
  readonly kind: 'ok' | 'fail' | 'info';
  readonly op: string;
  readonly attempts: number;
  readonly reason?: string;
  readonly silent?: boolean;
  /** True when an attempt was refused for good, which nothing that is sent deserves. */
  readonly final?: boolean;
}

/** A body as it came over a client's socket, or as its application got it. */
export interface Received {
  readonly kind: 'wire' | 'app';
  readonly client: string;
  readonly op: string;
  readonly from?: string;
  readonly cursor: string;
  /** Of everything but the cursor. */
  readonly hash: string;
  readonly meaning?: string;
}

export interface Connected {
  readonly kind: 'connected';
  readonly client: string;
  readonly gateway: string;
  readonly resumed: boolean;
}

export interface Closed {
  readonly kind: 'closed';
  readonly client: string;
  readonly gateway: string;
  readonly code: number;
  readonly reason: string;
  /** Who closed first. */
  readonly by: 'client' | 'server';
}

/** A handshake that the server refused with an HTTP status. */
export interface Refused {
  readonly kind: 'refused';
  readonly client: string;
  readonly gateway: string;
  readonly status: number;
}

/** A token opened a connection. */
export interface Admitted {
  readonly kind: 'admitted';
  readonly token: string;
  readonly gateway: string;
}

/** The application was told that messages are missing. */
export interface GapTold {
  readonly kind: 'gap';
  readonly client: string;
  readonly from: string;
  readonly to: string;
  readonly reason: string;
}

/** What a fault excuses while it lasts and shortly after. */
export type Excuse =
  /** Connections end without a code. */
  | 'abnormal-close'
  /** Requests get no answer: the process itself stands still or is gone. */
  | 'silence'
  /** Messages are lost to the log itself; clients are told of a gap. */
  | 'gap';

/** `start` when it begins, `felt` with the proof that it really happened, `stop` when it ends. */
export interface NemesisMark {
  readonly kind: 'nemesis';
  readonly name: string;
  readonly phase: 'start' | 'felt' | 'stop';
  readonly allows: readonly Excuse[];
  /** The one gateway that it hits; undefined when it may hit all. */
  readonly gateway?: string;
  readonly evidence?: string;
}

/** A gateway process ended; `expected` when the run itself ended it. */
export interface Exited {
  readonly kind: 'exit';
  readonly gateway: string;
  readonly status: number | null;
  readonly expected: boolean;
}

/** The load is over and everything is healed: what has not come by the probe of a client never will. */
export interface Quiesced {
  readonly kind: 'quiesced';
  /** Messages that queues still held, and which; empty when none did. */
  readonly left: string;
}

export type Event =
  | Invoke
  | Complete
  | Received
  | Connected
  | Closed
  | Refused
  | Admitted
  | GapTold
  | NemesisMark
  | Exited
  | Quiesced;

/** An event with the one monotonic clock of the run, ms. */
export type Entry = Event & { readonly at: number };

/** Append-only; in memory for the checker, and as JSON lines in a file that is kept when the run fails. */
export class History {
  readonly entries: Entry[] = [];
  readonly path: string;
  private readonly file: number;
  private ended = false;
  private readonly began = process.hrtime.bigint();

  constructor(name: string) {
    const folder = mkdtempSync(join(tmpdir(), 'wirepost-history-'));
    this.path = join(folder, `${name.replace(/[^A-Za-z0-9]+/g, '-')}.jsonl`);
    this.file = openSync(this.path, 'w');
  }

  /** ms since the run began. */
  get now(): number {
    return Number(process.hrtime.bigint() - this.began) / 1e6;
  }

  /** Adds an event; what comes after the end, when nobody judges any more, is not kept. */
  add(event: Event): void {
    if (this.ended) return;
    const entry = { at: Math.round(this.now * 1000) / 1000, ...event };
    this.entries.push(entry);
    writeSync(this.file, `${JSON.stringify(entry)}\n`);
  }

  /** Closes the file; removes it unless it is to be kept. */
  end(keep: boolean): void {
    this.ended = true;
    closeSync(this.file);
    if (!keep) rmSync(dirname(this.path), { recursive: true, force: true });
  }
}

/** A short digest of a delivered body without its cursor. */
export function digest(body: Readonly<Record<string, unknown>>): string {
  return short({ ...body, cursor: undefined });
}

/** A short digest of what a body says, which is the same at its sender and at all who get it. */
export function meaning({ businessType, sendType, content }: Partial<UnifiedBody>): string {
  return short([businessType, sendType, content]);
}

function short(value: unknown): string {
  return createHash('sha1').update(JSON.stringify(value)).digest('base64url').slice(0, 12);
}
