import type { UnifiedBody } from '../../protocol/unified-body';
import { Refusal } from '../errors';

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

/** Words and wildcards, as RabbitMQ's topic exchange knows them. */
export const TOPIC_PATTERN = /^(?:[A-Za-z0-9_-]+|\*|#)(?:\.(?:[A-Za-z0-9_-]+|\*|#))*$/;

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
    if (this.everything) return true;
    const words = businessType.split('.');
    return this.grants.businessTypes.some((pattern) => matches(pattern.split('.'), words));
  }
}

/** What does not fit is tried again one word later behind the last `#` only: no pattern takes more than words × words steps. */
function matches(pattern: readonly string[], words: readonly string[]): boolean {
  let [p, w, hash, from] = [0, 0, -1, 0];
  while (w < words.length) {
    if (pattern[p] === '#') {
      hash = p;
      from = w;
      p += 1;
    } else if (pattern[p] === '*' || pattern[p] === words[w]) {
      p += 1;
      w += 1;
    } else if (hash >= 0) {
      from += 1;
      w = from;
      p = hash + 1;
    } else return false;
  }
  return pattern.slice(p).every((word) => word === '#');
}

function forbidden(field: string, rule: string): Refusal {
  return new Refusal('FORBIDDEN', `${field} ${rule}`, field);
}
