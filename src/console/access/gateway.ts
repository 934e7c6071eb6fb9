import type { UnifiedBody } from '../../protocol/unified-body';
import { type Figures, readEvents } from './feed';

/** What a token is asked for with. */
export interface TokenRequest {
  readonly uniqueId: string;
  readonly clientType: string;
  readonly tags?: readonly string[];
  readonly businesses?: readonly string[];
  readonly clientToClient?: boolean;
  readonly multicast?: boolean;
  readonly broadcast?: boolean;
}

/** An order of the sample shop that a scenario polls. */
export interface Order {
  readonly orderId: string;
  readonly status: 'OPEN' | 'PAID';
}

interface Answer<T> {
  readonly result: number;
  readonly description: string;
  readonly data: T;
}

/** Refusals that pass: a timeout, too early, too many requests. */
const PASSING = new Set([408, 425, 429]);

/** A REST call did not succeed; `status` is 0 when the gateway could not be reached. */
export class GatewayError extends Error {
  override readonly name = 'GatewayError';
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }

  /** The same call will be refused again: it is not the time that is wrong (RFC 9110 section 15.5). */
  get isFinal(): boolean {
    return this.status >= 400 && this.status < 500 && !PASSING.has(this.status);
  }
}

/** The public REST interface, called with a service key as a backend would. Paths are relative to the page. */
export class Gateway {
  constructor(private readonly key: string) {}

  /** The URL with which one client connects, once. */
  async socketUrl(request: TokenRequest): Promise<string> {
    return reachable(await this.call<string>('POST', 'websocket/token', request));
  }

  push(body: UnifiedBody): Promise<{ readonly messageId: string }> {
    return this.call('POST', 'websocket/push', body);
  }

  pushAll(bodies: readonly UnifiedBody[]): Promise<unknown> {
    return this.call('POST', 'websocket/push/batch', bodies);
  }

  openOrder(): Promise<Order> {
    return this.call('POST', 'console/orders');
  }

  order(orderId: string): Promise<Order> {
    return this.call('GET', `console/orders/${orderId}`);
  }

  payOrder(orderId: string): Promise<Order> {
    return this.call('POST', `console/orders/${orderId}/payment`);
  }

  /** Reads the figures of the node, once a second, until the feed ends or is aborted. */
  async feed(signal: AbortSignal, show: (figures: Figures) => void): Promise<void> {
    const response = await this.fetch('GET', 'console/feed', undefined, signal);
    if (!response.ok || response.body === null)
      throw new GatewayError(response.status, response.statusText);
    await readEvents(response.body, show);
  }

  private async call<T>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await this.fetch(method, path, body);
    const answer = (await response.json().catch(() => undefined)) as Answer<T> | undefined;
    if (!response.ok || answer === undefined)
      throw new GatewayError(
        response.status,
        answer?.description ?? `${String(response.status)} ${response.statusText}`,
      );
    return answer.data;
  }

  private async fetch(
    method: string,
    path: string,
    body?: unknown,
    signal?: AbortSignal,
  ): Promise<Response> {
    const headers: Record<string, string> = { authorization: `Bearer ${this.key}` };
    if (body !== undefined) headers['content-type'] = 'application/json';
    try {
      return await fetch(path, {
        method,
        headers,
        cache: 'no-store',
        ...(body !== undefined && { body: JSON.stringify(body) }),
        ...(signal !== undefined && { signal }),
      });
    } catch (error) {
      if (signal?.aborted === true) throw error;
      throw new GatewayError(0, error instanceof Error ? error.message : String(error));
    }
  }
}

/**
 * Without PUBLIC_URL a node names itself `localhost`; a console that was opened from another machine reaches its
 * sockets where it reached the page.
 */
function reachable(url: string): string {
  const socket = new URL(url);
  if (socket.hostname !== 'localhost' || location.hostname === 'localhost') return url;
  socket.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:';
  socket.host = location.host;
  return socket.href;
}
