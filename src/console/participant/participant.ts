import { signal } from '@preact/signals';

import { Client, type Delivered, type Identity, type Json, type State } from '../../client';
import type { GapFrame } from '../../protocol/frames';
import { type Gateway, GatewayError, type TokenRequest } from '../access/gateway';
import { t } from '../language/dictionary';
import { Line } from './line';
import { newMessageId, startOf, startWatch } from './stopwatch';
import { answeredIdOf, messageIdOf, readWire, type Wire } from './wire';

/** Entries kept of one participant. */
const KEPT = 300;

/** What a client did that is not a frame. */
export type Happening = 'cut' | 'mended' | 'lost' | 'closed' | 'foreignCursor' | 'failed';

export type Entry = {
  readonly id: number;
  /** ms since epoch. */
  readonly time: number;
} & (
  | {
      readonly kind: 'frame';
      readonly direction: 'in' | 'out';
      readonly wire: Wire;
      /** ms since this page began to send the message; undefined when it did not. */
      readonly latency: number | undefined;
      /** It was sent while this client was away. */
      readonly missed: boolean;
    }
  | {
      readonly kind: 'happening';
      readonly what: Happening;
      /** Why, where somebody has said so. */
      readonly sentence?: string;
    }
);

export type FrameEntry = Extract<Entry, { kind: 'frame' }>;

interface Waiting {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** One client of the console: an SDK client of its own on a line of its own, and a record of all that passes. */
export class Participant {
  /** Tells participants apart, also those of one uniqueId. */
  readonly id = newMessageId();
  readonly state = signal<State>('connecting');
  readonly cut = signal(false);
  readonly identity = signal<Identity | undefined>(undefined);
  readonly cursor = signal<string | undefined>(undefined);
  readonly entries = signal<readonly Entry[]>([]);
  /** Messages that the SDK has given to the application. */
  readonly delivered = signal(0);
  /** Hears each frame; for stories that draw them. */
  onFrame: ((entry: FrameEntry) => void) | undefined;
  /** Hears each message that the SDK gives to the application. */
  onMessage: ((message: Delivered) => void) | undefined;
  client: Client;
  private readonly line: Line;
  private nextId = 0;
  /** When the present connection was welcomed, in ms of `performance.now()`. */
  private welcomed = 0;
  private readonly waiting = new Set<Waiting>();
  /** Why it is closed. */
  private ending: Error | undefined;
  /** Why it could not connect, said once for as long as it is the same. */
  private failure: string | undefined;

  constructor(
    private readonly gateway: Gateway,
    readonly request: TokenRequest,
  ) {
    this.line = new Line((direction, text) => {
      this.onText(direction, text);
    });
    this.client = this.connect();
  }

  /** Resolves when the service has welcomed it; rejects when it is closed, or no attempt will help. */
  connected(): Promise<void> {
    if (this.state.value === 'connected') return Promise.resolve();
    if (this.ending !== undefined) return Promise.reject(this.ending);
    return new Promise((resolve, reject) => this.waiting.add({ resolve, reject }));
  }

  /** Takes the connection away, and keeps it away. */
  cutLine(): void {
    this.cut.value = true;
    this.note('cut');
    this.line.cut();
  }

  /** Lets it connect again, which it does at once. */
  mendLine(): void {
    this.cut.value = false;
    this.note('mended');
    this.line.mend();
    this.client.reconnect();
  }

  /** Comes back with a position of another log, as after the log was made anew. */
  returnWithForeignCursor(): void {
    const before = this.client;
    this.note('foreignCursor');
    this.client = this.connect('0-1');
    before.close();
  }

  close(): void {
    this.client.close();
  }

  private connect(cursor?: string): Client {
    this.state.value = 'connecting';
    this.ending = this.failure = undefined;
    const client = new Client({
      url: () =>
        this.line.isCut
          ? Promise.reject(new Error('the line is cut'))
          : this.gateway.socketUrl(this.request),
      socket: this.line.open,
      ...(cursor !== undefined && { cursor }),
    });
    client.on('*', (message) => {
      this.delivered.value += 1;
      this.onMessage?.(message);
    });
    client.listen('connected', (identity) => {
      this.state.value = 'connected';
      this.identity.value = identity;
      this.failure = undefined;
      for (const { resolve } of this.waiting) resolve();
      this.waiting.clear();
    });
    client.listen('disconnected', ({ retryIn }) => {
      if (client !== this.client) return;
      const before = this.state.value;
      this.state.value = retryIn === undefined ? 'closed' : 'waiting';
      if (retryIn === undefined) this.end();
      else if (before === 'connected' && !this.cut.value) this.note('lost');
    });
    client.listen('error', ({ error, message }) => {
      if (client === this.client && message === undefined && !this.line.isCut) this.fail(error);
    });
    return client;
  }

  /** It could not connect, and is closed when another attempt would fail as well. */
  private fail(error: unknown): void {
    const sentence = error instanceof Error ? error.message : String(error);
    if (sentence !== this.failure) this.note('failed', sentence);
    this.failure = sentence;
    if (!(error instanceof GatewayError && error.isFinal)) return;
    this.ending = error;
    this.client.close();
  }

  private end(): void {
    this.note('closed');
    const ending = (this.ending ??= new Error(t('client.ended', { name: this.request.uniqueId })));
    for (const { reject } of this.waiting) reject(ending);
    this.waiting.clear();
  }

  private onText(direction: 'in' | 'out', text: string): void {
    const wire = readWire(text);
    const start = this.watch(direction, wire);
    if (wire.kind === 'control' && wire.frame.op === 'welcome') this.welcomed = performance.now();
    const came = direction === 'in' && start !== undefined;
    const entry: FrameEntry = {
      ...this.stamp(),
      kind: 'frame',
      direction,
      wire,
      latency: came ? performance.now() - start : undefined,
      missed: came && wire.kind === 'body' && start < this.welcomed,
    };
    this.add(entry);
    this.onFrame?.(entry);
    // The SDK has this frame when this turn is over.
    queueMicrotask(() => {
      this.cursor.value = this.client.cursor;
      this.identity.value = this.client.identity;
    });
  }

  /** When this page began to send what the frame carries or answers. */
  private watch(direction: 'in' | 'out', wire: Wire): number | undefined {
    const messageId = messageIdOf(wire);
    const start = startOf(messageId) ?? startOf(answeredIdOf(wire));
    if (direction === 'out' && messageId !== undefined && start === undefined)
      startWatch(messageId);
    return start;
  }

  private note(what: Happening, sentence?: string): void {
    const why = sentence === undefined ? {} : { sentence };
    this.add({ ...this.stamp(), kind: 'happening', what, ...why });
  }

  private stamp(): { id: number; time: number } {
    this.nextId += 1;
    return { id: this.nextId, time: Date.now() };
  }

  private add(entry: Entry): void {
    this.entries.value = [...this.entries.value, entry].slice(-KEPT);
  }
}

/** A message to one client, from the backend that this page plays. */
export function notice(
  toUniqueId: string,
  businessType: string,
  content: Json,
): Parameters<Gateway['push']>[0] & { readonly messageId: string } {
  return {
    sendType: 'UNICAST',
    messageType: 'SERVER_TO_CLIENT',
    businessType,
    toUniqueId,
    content,
    messageId: newMessageId(),
  };
}

/** The gap frame of an entry, if it is one. */
export function gapOf(entry: Entry): GapFrame | undefined {
  if (entry.kind !== 'frame' || entry.wire.kind !== 'control') return undefined;
  return entry.wire.frame.op === 'gap' ? entry.wire.frame : undefined;
}
