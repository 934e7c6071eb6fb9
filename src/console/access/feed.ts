/** What GET console/feed sends each second (docs/operations.md). */
export interface Figures {
  /** ms since epoch. */
  readonly time: number;
  readonly connections: number;
  readonly messagesPerSecond: number;
  readonly deliveriesPerSecond: number;
  readonly upstreamPerSecond: number;
  readonly framesDelivered: number;
  readonly gaps: number;
  /** ms from logged to written in the last second; null when nothing was delivered. */
  readonly latency: { readonly p50: number; readonly p90: number; readonly p99: number } | null;
  readonly logOffset: number;
  /** ms by which this node is behind the end of the log. */
  readonly logLag: number;
  readonly windowEntries: number;
  readonly windowBytes: number;
  /** Bytes of memory of the process. */
  readonly memory: number;
}

/** Reads server-sent events of one `data` line each (WHATWG HTML 9.2) until the stream ends. */
export async function readEvents(
  body: ReadableStream<Uint8Array>,
  show: (figures: Figures) => void,
): Promise<void> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const events = (rest + decoder.decode(value, { stream: true })).split('\n\n');
    rest = events.pop() ?? '';
    for (const event of events)
      if (event.startsWith('data: ')) show(JSON.parse(event.slice(6)) as Figures);
  }
}
