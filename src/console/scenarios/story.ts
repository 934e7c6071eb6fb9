import { signal } from '@preact/signals';

import type { UnifiedBody } from '../../protocol/unified-body';
import type { Gateway, TokenRequest } from '../access/gateway';
import type { Key } from '../language/en';
import type { Text } from '../language/dictionary';
import { type FrameEntry, Participant } from '../participant/participant';
import { newMessageId, startWatch } from '../participant/stopwatch';
import type { Wire } from '../participant/wire';

/** `call` and `frame` really went over the network; `own` is what the business does without Wirepost. */
type Way = 'call' | 'frame' | 'own';

/** One arrow of the drawing, or a remark at one lane when it starts where it ends. */
export interface Step {
  readonly id: number;
  /** ms since the story began. */
  readonly at: number;
  readonly from: number;
  readonly to: number;
  readonly way: Way;
  /** What was sent, in the words of the protocol. */
  readonly label?: string;
  /** What it means, for people. */
  readonly note?: Text;
}

/** Control frames that would only be noise in a drawing. */
const QUIET = new Set(['ack', 'ping', 'pong']);

/** Thrown where a story goes on that somebody has ended. */
class Ended extends Error {}

/** One run of a scenario: its clients, and every step as it happens. */
export class Story {
  readonly steps = signal<readonly Step[]>([]);
  readonly state = signal<'running' | 'done' | 'failed' | 'ended'>('running');
  readonly fault = signal<string | undefined>(undefined);
  private readonly began = performance.now();
  private readonly participants: Participant[] = [];

  constructor(
    readonly gateway: Gateway,
    /** The lane of the service. */
    private readonly hub: number,
  ) {}

  /** Plays it to its end, and closes its clients. */
  async play(act: (story: Story) => Promise<void>): Promise<void> {
    try {
      await act(this);
      this.settle('done');
    } catch (error) {
      this.fault.value = error instanceof Error ? error.message : String(error);
      this.settle('failed');
    }
  }

  end(): void {
    this.settle('ended');
  }

  /** Connects a client, whose frames are drawn between its lane and the service. */
  async join(lane: number, request: TokenRequest): Promise<Participant> {
    const participant = new Participant(this.gateway, request);
    participant.onFrame = (entry) => {
      this.drawFrame(lane, entry);
    };
    this.participants.push(participant);
    await participant.connected();
    this.goOn();
    return participant;
  }

  /** A backend pushes by REST; resolves when the log has the message. */
  async push(lane: number, body: UnifiedBody): Promise<string> {
    const messageId = body.messageId ?? newMessageId();
    this.draw(lane, this.hub, 'call', `POST /websocket/push  ${body.businessType}`);
    startWatch(messageId);
    await this.gateway.push({ ...body, messageId });
    this.draw(this.hub, lane, 'call', '202 Accepted');
    this.goOn();
    return messageId;
  }

  /** A backend asks for the URL with which a client connects. */
  async token(lane: number, request: TokenRequest): Promise<string> {
    this.draw(lane, this.hub, 'call', `POST /websocket/token  ${request.uniqueId}`);
    const url = await this.gateway.socketUrl(request);
    this.draw(this.hub, lane, 'call', '200  wss://…/socket/{token}');
    this.goOn();
    return url;
  }

  /** Something that happens at one lane, in people's words. */
  remark(lane: number, key: Key, values?: Text['values']): void {
    this.add({ from: lane, to: lane, way: 'own', note: textOf(key, values) });
  }

  /** Something that goes from lane to lane without Wirepost, or inside it. */
  own(from: number, to: number, key: Key, values?: Text['values']): void {
    this.add({ from, to, way: 'own', note: textOf(key, values) });
  }

  draw(from: number, to: number, way: Way, label: string): void {
    this.add({ from, to, way, label });
  }

  /** Time for people to see what has happened. */
  async pause(ms: number): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, ms));
    this.goOn();
  }

  /** Resolves when `what` resolves, or rejects after `ms`. */
  async within<T>(ms: number, what: Promise<T>, sentence: string): Promise<T> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        reject(new Error(sentence));
      }, ms);
    });
    try {
      const result = await Promise.race([what, late]);
      this.goOn();
      return result;
    } finally {
      clearTimeout(timer);
    }
  }

  private settle(state: 'done' | 'failed' | 'ended'): void {
    if (this.state.value !== 'running') return;
    this.state.value = state;
    for (const participant of this.participants) {
      participant.onFrame = undefined;
      participant.close();
    }
  }

  private goOn(): void {
    if (this.state.value !== 'running') throw new Ended();
  }

  private drawFrame(lane: number, { direction, wire }: FrameEntry): void {
    if (wire.kind === 'control' && QUIET.has(wire.frame.op)) return;
    const [from, to] = direction === 'out' ? [lane, this.hub] : [this.hub, lane];
    this.draw(from, to, 'frame', labelOf(wire));
  }

  private add(step: Omit<Step, 'id' | 'at'>): void {
    if (this.state.value !== 'running') return;
    const { length } = this.steps.value;
    const at = performance.now() - this.began;
    this.steps.value = [...this.steps.value, { ...step, id: length, at }];
  }
}

function textOf(key: Key, values: Text['values']): Text {
  return values === undefined ? { key } : { key, values };
}

function labelOf(wire: Wire): string {
  if (wire.kind === 'body') return wire.body.businessType;
  const { frame } = wire;
  if (frame.op === 'welcome')
    return `welcome  ${frame.uniqueId}${frame.resumed ? '  resumed' : ''}`;
  return frame.op === 'rejected' ? `rejected  ${frame.code}` : frame.op;
}
