import type { UnifiedBody } from '../../protocol/unified-body';
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
  checkPush(body: UnifiedBody): void {
    const { businessTypes } = this.limits;
    if (businessTypes !== undefined && !fitsAny(businessTypes, body.businessType))
      throw forbidden('businessType');
    // The sender of a message may be sent its receipts.
    if (body.fromUniqueId !== undefined) this.checkUser(body.fromUniqueId, 'fromUniqueId');
    if (body.sendType === 'UNICAST') this.checkUser(body.toUniqueId ?? '', 'toUniqueId');
    else if (!this.mayAddress(body)) throw forbidden('sendType');
  }

  /** Throws FORBIDDEN when the user is none of the service's. */
  checkUser(uniqueId: string, field = 'uniqueId'): void {
    const { users } = this.limits;
    if (users !== undefined && !startsAny(users, uniqueId)) throw forbidden(field);
  }

  /**
   * What a token grants that the service issues: what is asked for, and where nothing is, no more than the service may do itself.
   * Throws FORBIDDEN with the field that would have to change.
   */
  grantsOf({ uniqueId, tags, businesses, grants = {} }: TokenWish): Grants {
    this.checkUser(uniqueId);
    if (!this.holdsAll(tags)) throw forbidden('tags');
    if (!this.holdsAll(businesses)) throw forbidden('businesses');
    const { businessTypes = DEFAULT_GRANTS.businessTypes } = this.limits;
    const granted = { ...DEFAULT_GRANTS, businessTypes, ...grants };
    if (!granted.businessTypes.every((one) => fitsAny(businessTypes, one)))
      throw forbidden('businessTypes');
    this.checkRecipients(granted);
    return granted;
  }

  /** A client reaches whom it names, and every label. */
  private checkRecipients(granted: Grants): void {
    const { users, labels } = this.limits;
    if (granted.clientToClient && users !== undefined) throw forbidden('clientToClient');
    const isLimited = users !== undefined || labels !== undefined;
    for (const field of ['multicast', 'broadcast'] as const)
      if (granted[field] && isLimited) throw forbidden(field);
  }

  /** Many at once: who does not hold a label of the service's is not among them. */
  private mayAddress({ sendType, tags = [], businesses = [] }: UnifiedBody): boolean {
    const { users, labels } = this.limits;
    if (users === undefined && labels === undefined) return true;
    if (labels === undefined || sendType === 'BROADCAST') return false;
    return [tags, businesses].some((wanted) => wanted.length > 0 && this.holdsAll(wanted));
  }

  private holdsAll(wanted: readonly string[]): boolean {
    const { labels } = this.limits;
    return labels === undefined || wanted.every((label) => startsAny(labels, label));
  }
}

/** Of a service without limits. */
export const EVERYTHING = new ServiceReach({});

function fitsAny(patterns: readonly string[], text: string): boolean {
  return patterns.some((pattern) => fitsTopic(pattern, text));
}

function startsAny(patterns: readonly string[], text: string): boolean {
  return patterns.some((pattern) =>
    pattern.endsWith('*') ? text.startsWith(pattern.slice(0, -1)) : text === pattern,
  );
}

function forbidden(field: string): Refusal {
  return new Refusal('FORBIDDEN', `${field} goes beyond the limits of this service key`, field);
}
