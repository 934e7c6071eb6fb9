import type { UnifiedBody } from '../../protocol/unified-body';
import { Refusal } from '../errors';
import { fitsTopic } from './topic-pattern';

/** What a token lets its client send. */
export interface Grants {
  /** Topic patterns (`*` one word, `#` any number of words) of what it may send upstream; `['#']` is everything. */
  readonly businessTypes: readonly string[];
  readonly clientToClient: boolean;
  readonly multicast: boolean;
  readonly broadcast: boolean;
}

/** What a token grants that asks for nothing: upstream only. */
export const DEFAULT_GRANTS: Grants = {
  businessTypes: ['#'],
  clientToClient: false,
  multicast: false,
  broadcast: false,
};

/** Decides what a client may send; everything that is not granted is denied. */
export class SendPermission {
  private readonly everything: boolean;

  constructor(private readonly grants: Grants) {
    this.everything = grants.businessTypes.includes('#');
  }

  /** Throws FORBIDDEN with the field that would have to change. */
  check(body: UnifiedBody): void {
    if (body.messageType === 'SERVER_TO_CLIENT')
      throw forbidden('messageType', 'is for services only');
    if (!this.mayUse(body.businessType))
      throw forbidden('businessType', 'is not granted to this client');
    if (body.messageType === 'CLIENT_TO_SERVER') return;
    if (!this.grants.clientToClient)
      throw forbidden('messageType', 'CLIENT_TO_CLIENT is not granted');
    if (body.sendType === 'MULTICAST' && !this.grants.multicast)
      throw forbidden('sendType', 'MULTICAST is not granted');
    if (body.sendType === 'BROADCAST' && !this.grants.broadcast)
      throw forbidden('sendType', 'BROADCAST is not granted');
  }

  private mayUse(businessType: string): boolean {
    return this.everything || fitsTopic(this.grants.businessTypes, businessType);
  }
}

function forbidden(field: string, rule: string): Refusal {
  return new Refusal('FORBIDDEN', `${field} ${rule}`, field);
}
