/** Ids kept; older ones are forgotten. */
const KEPT = 2000;

/** When this page began to send which message, in ms of `performance.now()`: one clock for both ends of a latency. */
const starts = new Map<string, number>();

export function startWatch(messageId: string): void {
  starts.set(messageId, performance.now());
  if (starts.size > KEPT) {
    for (const oldest of starts.keys()) {
      starts.delete(oldest);
      break;
    }
  }
}

/** When this page began to send the message; undefined when it was sent by somebody else. */
export function startOf(messageId: string | undefined): number | undefined {
  return messageId === undefined ? undefined : starts.get(messageId);
}

/** An id for a message: 128 random bits as hex. `crypto.randomUUID` is not there on pages without TLS. */
export function newMessageId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** A short suffix, so that two consoles at one service do not meet. */
export function suffix(): string {
  return newMessageId().slice(0, 4);
}
