import type { SendType } from '../../protocol/unified-body';
import { Refusal } from '../errors';
import { DEFAULT_GRANTS, type Grants } from './send-permission';
import { fitsTopic } from './topic-pattern';

/** What a service is limited to; what is absent is not limited. */
export interface ServiceLimits {
  /** Topic patterns of what it may push, and let its clients send. */
  readonly businessTypes?: readonly string[];
  /** Names of users, or with a `*` at the end their beginnings. */
  readonly users?: readonly string[];
  /** The same of tags and businesses. */
  readonly labels?: readonly string[];
}

/** What of a message says whom it concerns; what another program has published may have null there. */
export interface Address {
  readonly sendType: SendType;
  readonly businessType: string;
  readonly fromUniqueId?: string | null | undefined;
  readonly toUniqueId?: string | null | undefined;
  readonly tags?: readonly string[] | null | undefined;
  readonly businesses?: readonly string[] | null | undefined;
}

/** What of a token a service's limits bear on. */
export interface TokenWish {
  readonly uniqueId: string;
  readonly tags: readonly string[];
  readonly businesses: readonly string[];
  readonly grants?: Partial<Grants>;
}

/**
 * Decides whom a service may reach, by its own pushes and by what it lets its clients send: what would go beyond its limits
 * is denied.
 */
export class ServiceReach {
  constructor(private readonly limits: ServiceLimits) {}

  /** Throws FORBIDDEN with the field that would have to change. */
  checkPush(address: Address): void {
    const field = this.beyond(address);
    if (field !== undefined) throw forbidden(field);
  }

  /** True for a message that the service might have pushed; one of which nothing is known is none of a limited service's. */
  covers(address: Address | undefined): boolean {
    if (address === undefined) return Object.keys(this.limits).length === 0;
    return this.beyond(address) === undefined;
  }

  /** Throws FORBIDDEN when the user is none of the service's. */
  checkUser(uniqueId: string, field = 'uniqueId'): void {
    if (!this.hasUser(uniqueId)) throw forbidden(field);
  }

  /**
   * What a token grants that the service issues: what is asked for, and where nothing is, no more than the service may do itself.
   * Throws FORBIDDEN with the field that would have to change.
   */
  grantsOf({ uniqueId, tags, businesses, grants = {} }: TokenWish): Grants {
    this.checkUser(uniqueId);
    if (!this.hasAll(tags)) throw forbidden('tags');
    if (!this.hasAll(businesses)) throw forbidden('businesses');
    const { businessTypes = DEFAULT_GRANTS.businessTypes } = this.limits;
    const granted = { ...DEFAULT_GRANTS, businessTypes, ...grants };
    if (!granted.businessTypes.every((one) => fitsTopic(businessTypes, one)))
      throw forbidden('businessTypes');
    this.checkRecipients(granted);
    return granted;
  }

  /** A client reaches whom it names, and every label. */
  private checkRecipients(granted: Grants): void {
    if (granted.clientToClient && this.limits.users !== undefined)
      throw forbidden('clientToClient');
    for (const field of ['multicast', 'broadcast'] as const)
      if (granted[field] && !this.reachesEverybody) throw forbidden(field);
  }

  /** The field that goes beyond the limits; undefined when none does. */
  private beyond(address: Address): keyof Address | undefined {
    const { businessTypes } = this.limits;
    if (businessTypes !== undefined && !fitsTopic(businessTypes, address.businessType))
      return 'businessType';
    // The sender of a message may be sent its receipts.
    const from = address.fromUniqueId ?? '';
    if (from !== '' && !this.hasUser(from)) return 'fromUniqueId';
    return this.beyondRecipients(address);
  }

  private beyondRecipients(address: Address): keyof Address | undefined {
    if (address.sendType === 'UNICAST')
      return this.hasUser(address.toUniqueId ?? '') ? undefined : 'toUniqueId';
    if (this.reachesEverybody) return undefined;
    if (this.limits.labels === undefined || address.sendType === 'BROADCAST') return 'sendType';
    return this.beyondLabels(address.tags ?? [], address.businesses ?? []);
  }

  /**
   * A multicast reaches only holders of one of its tags and, where it names both, one of its businesses. So it is enough
   * that one of the two lists is all the service's own.
   */
  private beyondLabels(
    tags: readonly string[],
    businesses: readonly string[],
  ): keyof Address | undefined {
    const isOwn = [tags, businesses].some((wanted) => wanted.length > 0 && this.hasAll(wanted));
    if (isOwn) return undefined;
    return tags.length > 0 ? 'tags' : 'businesses';
  }

  private get reachesEverybody(): boolean {
    const { users, labels } = this.limits;
    return users === undefined && labels === undefined;
  }

  private hasUser(uniqueId: string): boolean {
    const { users } = this.limits;
    return users === undefined || startsAny(users, uniqueId);
  }

  private hasAll(wanted: readonly string[]): boolean {
    const { labels } = this.limits;
    return labels === undefined || wanted.every((label) => startsAny(labels, label));
  }
}

function startsAny(patterns: readonly string[], text: string): boolean {
  return patterns.some((pattern) =>
    pattern.endsWith('*') ? text.startsWith(pattern.slice(0, -1)) : text === pattern,
  );
}

function forbidden(field: string): Refusal {
  return new Refusal('FORBIDDEN', `${field} goes beyond the limits of this service key`, field);
}
