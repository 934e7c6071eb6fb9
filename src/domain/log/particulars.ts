import { type Audience, reaches, type Subscription } from '../routing/audience';
import type { Segment } from './segment';

/** Audiences that share the table; others are kept one by one. */
const MAX_KNOWN = 1024;
const NONE = 0;
/** Number of those that are kept with their entry. */
export const OWN_PARTICULARS = 0xffff;

/** What audiences ask for besides a name (labels, client type), by numbers for the entries of a window. */
export class Particulars {
  private known: Audience[] = [];
  private readonly numbers = new Map<string, number>();

  /** Number of what an audience says beyond its kind and recipient. */
  numberOf(audience: Audience): number {
    if (audience.kind !== 'multicast' && audience.clientType === '') return NONE;
    const particulars = audience.kind === 'unicast' ? { ...audience, uniqueId: '' } : audience;
    const text = JSON.stringify(particulars);
    const number = this.numbers.get(text);
    if (number !== undefined) return number;
    if (this.known.length >= MAX_KNOWN) return OWN_PARTICULARS;
    const next = this.known.push(particulars);
    this.numbers.set(text, next);
    return next;
  }

  /** Whether an entry of one of the subscriber's chains is meant for it by its particulars, too. */
  match(segment: Segment, i: number, to: Subscription): boolean {
    const number = segment.particularsOf(i);
    if (number === NONE) return true;
    const audience = number === OWN_PARTICULARS ? segment.audience(i) : this.known[number - 1];
    return audience !== undefined && isMeant(audience, to);
  }

  /** False when no multicast or broadcast of the segment is meant for the subscriber: then none need be looked at. */
  mayMatch({ particulars }: Segment, to: Subscription): boolean {
    if (particulars === undefined) return true;
    for (const number of particulars) {
      if (number === NONE || number === OWN_PARTICULARS) return true;
      const audience = this.known[number - 1];
      if (audience !== undefined && isMeant(audience, to)) return true;
    }
    return false;
  }

  clear(): void {
    this.known = [];
    this.numbers.clear();
  }
}

function isMeant(audience: Audience, to: Subscription): boolean {
  if (audience.kind === 'unicast') return audience.clientType === to.clientType;
  return reaches(audience, to);
}
