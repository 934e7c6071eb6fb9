import { signal } from '@preact/signals';

import type { DeliveredBody } from '../../protocol/unified-body';
import type { Gateway } from '../access/gateway';
import type { Key } from '../language/en';
import type { Text } from '../language/dictionary';
import { announce } from '../parts/announcer';
import { type FrameEntry, gapOf, notice, type Participant } from '../participant/participant';
import { startOf, startWatch } from '../participant/stopwatch';

/** What everybody should have seen once, in this order. */
export const STEPS = ['push', 'ask', 'write', 'resume', 'gap'] as const;
export type Step = (typeof STEPS)[number];

/** What was seen of each step, as a sentence; from real frames only. */
export const seen = signal<Readonly<Partial<Record<Step, Text>>>>({});
/** The step that is being shown. */
export const showing = signal<Step | undefined>(undefined);

/** ms that a line stays cut, so that a person can see it. */
const CUT_FOR = 1600;
const MISSED = 3;

/** A frame has passed: it may be what a step is about. */
export function witness({ request }: Participant, entry: FrameEntry): void {
  const name = request.uniqueId;
  const gap = gapOf(entry);
  if (isResumed(entry)) announce({ key: 'frame.resumed', values: { name } });
  if (gap !== undefined) record('gap', { key: `tour.gap.${gap.reason}`, values: { name } });
  if (entry.direction === 'in' && entry.wire.kind === 'body')
    witnessMessage(name, entry, entry.wire.body);
}

function witnessMessage(name: string, entry: FrameEntry, body: Partial<DeliveredBody>): void {
  const { messageType, correlationId, messageId = '' } = body;
  if (awaited.delete(messageId)) countMissed(name);
  // After a gap the window comes again, and others send too: that is no news.
  if (entry.missed || entry.latency === undefined) return;
  const ms = Math.round(entry.latency);
  if (startOf(correlationId) !== undefined) record('ask', said('tour.ask.seen', name, ms));
  else if (messageType === 'CLIENT_TO_CLIENT') record('write', said('tour.write.seen', name, ms));
  else record('push', said('tour.push.seen', name, ms));
}

function isResumed({ wire }: FrameEntry): boolean {
  return wire.kind === 'control' && wire.frame.op === 'welcome' && wire.frame.resumed;
}

/** What was sent into a cut line, and has not come yet. */
const awaited = new Set<string>();

function countMissed(name: string): void {
  record('resume', { key: 'tour.resume.seen', values: { name, count: MISSED - awaited.size } });
}

function said(key: Key, name: string, ms: number): Text {
  return { key, values: { name, ms } };
}

function record(step: Step, text: Text): void {
  seen.value = { ...seen.value, [step]: text };
  announce(text);
}

/** Shows one step with the first two clients; rejects when the service refuses. */
export async function show(
  step: Step,
  gateway: Gateway,
  [first, second]: readonly [Participant, Participant],
): Promise<void> {
  showing.value = step;
  try {
    for (const one of [first, second]) if (one.cut.value) one.mendLine();
    await Promise.all([first.connected(), second.connected()]);
    await ACTS[step](gateway, first, second);
  } finally {
    showing.value = undefined;
  }
}

type Act = (gateway: Gateway, first: Participant, second: Participant) => Promise<unknown>;

const ACTS: Readonly<Record<Step, Act>> = {
  push: (gateway, first) => gateway.push(paymentOf(first, 'A-1')),
  ask: (_gateway, first) => first.client.request('qrcode.refresh', {}),
  write: (_gateway, first, second) =>
    first.client.send({
      sendType: 'UNICAST',
      messageType: 'CLIENT_TO_CLIENT',
      businessType: 'note.show',
      toUniqueId: second.request.uniqueId,
      content: { text: 'Hello' },
    }),
  resume: async (gateway, first) => {
    awaited.clear();
    first.cutLine();
    for (let i = 1; i <= MISSED; i += 1) {
      const body = paymentOf(first, `B-${String(i)}`);
      awaited.add(body.messageId);
      await gateway.push(body);
    }
    await new Promise((resolve) => setTimeout(resolve, CUT_FOR));
    first.mendLine();
    await first.connected();
  },
  gap: async (_gateway, first) => {
    first.returnWithForeignCursor();
    await first.connected();
  },
};

function paymentOf({ request }: Participant, orderId: string): ReturnType<typeof notice> {
  const body = notice(request.uniqueId, 'payment.result', { orderId, status: 'PAID' });
  startWatch(body.messageId);
  return body;
}
