import { type Audience, reaches, type Subscription } from '../../domain/routing/audience';

interface Member {
  readonly subscription: Subscription;
}

/** A member that is alone stands for itself: most users have one connection here, and a set takes 200 bytes. */
type Index<T extends Member> = Map<string, T | Set<T>>;

/** Finds the local members of an audience without looking at the others. */
export class AudienceIndex<T extends Member> {
  private readonly byUser: Index<T> = new Map();
  private readonly byTag: Index<T> = new Map();
  private readonly byBusiness: Index<T> = new Map();
  readonly all = new Set<T>();

  add(member: T): void {
    this.all.add(member);
    const { uniqueId, tags, businesses } = member.subscription;
    put(this.byUser, uniqueId, member);
    for (const tag of tags) put(this.byTag, tag, member);
    for (const business of businesses) put(this.byBusiness, business, member);
  }

  remove(member: T): void {
    this.all.delete(member);
    const { uniqueId, tags, businesses } = member.subscription;
    take(this.byUser, uniqueId, member);
    for (const tag of tags) take(this.byTag, tag, member);
    for (const business of businesses) take(this.byBusiness, business, member);
  }

  /** How many members a user has. */
  countOf(uniqueId: string): number {
    const members = this.byUser.get(uniqueId);
    if (members instanceof Set) return members.size;
    return members === undefined ? 0 : 1;
  }

  /** Calls `visit` once for each member that the audience includes; it must add and remove none. */
  forEach(audience: Audience, visit: (member: T) => void): void {
    const members = this.candidates(audience);
    if (members instanceof Set) {
      for (const member of members) if (isMeant(audience, member)) visit(member);
    } else if (members !== undefined && isMeant(audience, members)) visit(members);
  }

  /** The user's connections; for a multicast holders of any of the tags or, without tags, of any of the businesses. */
  private candidates(audience: Audience): T | Set<T> | undefined {
    if (audience.kind === 'unicast') return this.byUser.get(audience.uniqueId);
    if (audience.kind === 'broadcast') return this.all;
    const { tags, businesses } = audience;
    return tags.length > 0 ? holders(this.byTag, tags) : holders(this.byBusiness, businesses);
  }
}

function isMeant(audience: Audience, member: Member): boolean {
  if (audience.kind === 'multicast') return reaches(audience, member.subscription);
  return audience.clientType === '' || reaches(audience, member.subscription);
}

/** Holders of any of the labels. Where one label alone has members, as is usual, these are its own set and no copy. */
function holders<T extends Member>(
  index: Index<T>,
  labels: readonly string[],
): T | Set<T> | undefined {
  let found: T | Set<T> | undefined;
  let union: Set<T> | undefined;
  for (const label of labels) {
    const members = index.get(label);
    if (members === undefined || members === found) continue;
    if (found === undefined) found = members;
    else union = withAll(union ?? withAll(new Set(), found), members);
  }
  return union ?? found;
}

function withAll<T extends Member>(set: Set<T>, members: T | Set<T>): Set<T> {
  if (members instanceof Set) for (const member of members) set.add(member);
  else set.add(members);
  return set;
}

function put<T extends Member>(index: Index<T>, key: string, member: T): void {
  const members = index.get(key);
  if (members === undefined) index.set(key, member);
  else if (members instanceof Set) members.add(member);
  else index.set(key, new Set([members, member]));
}

function take<T extends Member>(index: Index<T>, key: string, member: T): void {
  const members = index.get(key);
  if (members instanceof Set) {
    members.delete(member);
    if (members.size > 0) return;
  } else if (members !== member) return;
  index.delete(key);
}
