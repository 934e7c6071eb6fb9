import { parseCursor } from '../protocol/cursor';

/**
 * The log's position at which the token of a socket URL was issued, from where on messages are due to the client;
 * undefined for a token that cannot be read. Nothing is verified here: the server does not believe it either.
 */
export function issuedAt(url: string): string | undefined {
  const [, payload = ''] = url.slice(url.lastIndexOf('/') + 1).split('.');
  try {
    const claims: unknown = JSON.parse(atob(payload.replace(/-/g, '+').replace(/_/g, '/')));
    const cursor = (claims as { readonly cu?: unknown } | null)?.cu;
    return typeof cursor === 'string' && parseCursor(cursor) !== undefined ? cursor : undefined;
  } catch {
    return undefined;
  }
}
