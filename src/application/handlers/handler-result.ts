import { Refusal } from '../../domain/errors';
import { isDeeperThan } from '../../protocol/json-text';
import { LIMITS } from '../../protocol/unified-body';
import type { Outgoing } from './business-handler';

/** Characters of a result that an error tells. */
const SHOWN = 60;

/** What a handler has returned, as a list. Throws a TypeError for what is neither a reply nor a push. */
export function outgoingOf(result: unknown): readonly Outgoing[] {
  if (result === undefined || result === null) return [];
  const list: readonly unknown[] = Array.isArray(result) ? result : [result];
  return list.map((one) => {
    if (isOutgoing(one)) return one;
    throw new TypeError(
      `a handler returns nothing, { reply }, { push } or an array of these, and not ${shown(one)}`,
    );
  });
}

/** Throws TOO_DEEP for a body that a push by REST would be refused for. */
export function checkDepth(body: Uint8Array): void {
  if (isDeeperThan(LIMITS.depth, new TextDecoder().decode(body))) throw new Refusal('TOO_DEEP');
}

function isOutgoing(value: unknown): value is Outgoing {
  return typeof value === 'object' && value !== null && ('reply' in value || 'push' in value);
}

function shown(value: unknown): string {
  if (typeof value === 'object' && value !== null)
    return `an object with the names ${JSON.stringify(Object.keys(value)).slice(0, SHOWN)}`;
  return `${typeof value} ${String(value).slice(0, SHOWN)}`;
}
