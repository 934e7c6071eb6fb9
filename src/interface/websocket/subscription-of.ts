import type { Admission } from '../../application/session/admit-client';
import type { Subscription } from '../../domain/routing/audience';

/** One set for all who have no labels: most have none, and a set of its own takes 200 bytes. */
const NO_LABELS: ReadonlySet<string> = new Set();

/** What a client is addressed by. */
export function subscriptionOf({ claims }: Admission): Subscription {
  const { uniqueId, clientType } = claims.identity;
  return { uniqueId, clientType, tags: setOf(claims.tags), businesses: setOf(claims.businesses) };
}

function setOf(labels: readonly string[]): ReadonlySet<string> {
  return labels.length === 0 ? NO_LABELS : new Set(labels);
}
