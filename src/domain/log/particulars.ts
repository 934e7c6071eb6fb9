import { type Audience, reaches, type Subscription } from '../routing/audience';
import type { Segment } from './segment';

/** Audiences that share the table; others are kept one by one. */
const MAX_KNOWN = 1024;
const NONE = 0;
/** Number of those that are kept with their entry. */
export const OWN_PARTICULARS = 0xffff;

/**
 * What audiences ask for besides a name (labels, client type), by numbers for the entries of a window. A number is given
 * anew when the last entry that has it is no longer in the window.
 */
export class Particulars {
  private known: Audience[] = [];
  /** By number - 1: the sequence number of the newest entry that has it. */
  private readonly newest: number[] = [];
  private readonly numbers = new Map<string, number>();
  private free: number[] = [];
  /** Up to which entry of the window's beginning free numbers were looked for. */
  private searched = -1;

  /**
   * Number of what an audience says beyond its kind and recipient, for the entry `seq`; `oldest` is the first one that is in
   * the window.
   */
  numberOf(audience: Audience, seq: number, oldest: number): number {
    if (audience.kind !== 'multicast' && audience.clientType === '') return NONE;
    const particulars = audience.kind === 'unicast' ? { ...audience, uniqueId: '' } : audience;
    const text = JSON.stringify(particulars);
    const number = this.numbers.get(text) ?? this.unused(oldest);
    if (number === undefined) return OWN_PARTICULARS;
    this.numbers.set(text, number);
    this.known[number - 1] = particulars;
    this.newest[number - 1] = seq;
    return number;
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
    this.newest.length = 0;
    this.numbers.clear();
    this.free = [];
    this.searched = -1;
  }

  /** A number that no entry from `oldest` on has; undefined when there is none. */
  private unused(oldest: number): number | undefined {
    if (this.known.length < MAX_KNOWN) return this.known.length + 1;
    if (this.free.length === 0 && this.searched < oldest) {
      this.searched = oldest;
      for (const [text, number] of this.numbers) {
        if ((this.newest[number - 1] ?? 0) >= oldest) continue;
        this.free.push(number);
        this.numbers.delete(text);
      }
    }
    return this.free.pop();
  }
}

function isMeant(audience: Audience, to: Subscription): boolean {
  if (audience.kind === 'unicast') return audience.clientType === to.clientType;
  return reaches(audience, to);
}
