import type { UnifiedBody } from '../../protocol/unified-body';
import type { Identity } from '../connection/identity';

/** Who a message is for. `clientType` empty means every client type. */
export type Audience =
  | { readonly kind: 'unicast'; readonly uniqueId: string; readonly clientType: string }
  | {
      readonly kind: 'multicast';
      /** Reaches holders of any of these; empty means that tags do not matter. */
      readonly tags: readonly string[];
      /** Reaches holders of any of these; empty means that businesses do not matter. */
      readonly businesses: readonly string[];
      readonly clientType: string;
    }
  | { readonly kind: 'broadcast'; readonly clientType: string };

/** What a connection receives: its identity and the labels that its token grants. */
export interface Subscription extends Identity {
  readonly tags: ReadonlySet<string>;
  readonly businesses: ReadonlySet<string>;
}

/** The audience of a body that `checkBody` passed. */
export function audienceOf(body: UnifiedBody): Audience {
  const clientType = body.toClientType ?? '';
  switch (body.sendType) {
    case 'UNICAST':
      return { kind: 'unicast', uniqueId: body.toUniqueId ?? '', clientType };
    case 'MULTICAST':
      return {
        kind: 'multicast',
        tags: body.tags ?? [],
        businesses: body.businesses ?? [],
        clientType,
      };
    case 'BROADCAST':
      return { kind: 'broadcast', clientType };
  }
}

/** True when the audience includes the subscriber. */
export function reaches(audience: Audience, to: Subscription): boolean {
  if (audience.clientType !== '' && audience.clientType !== to.clientType) return false;
  switch (audience.kind) {
    case 'unicast':
      return audience.uniqueId === to.uniqueId;
    case 'multicast':
      return holdsAny(to.tags, audience.tags) && holdsAny(to.businesses, audience.businesses);
    case 'broadcast':
      return true;
  }
}

function holdsAny(held: ReadonlySet<string>, wanted: readonly string[]): boolean {
  if (wanted.length === 0) return true;
  for (const label of wanted) if (held.has(label)) return true;
  return false;
}
