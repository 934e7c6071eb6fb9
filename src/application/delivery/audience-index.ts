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

  /** Calls `visit` once for each member that the audience includes. */
  forEach(audience: Audience, visit: (member: T) => void): void {
    if (audience.kind === 'multicast') {
      for (const member of this.candidates(audience.tags, audience.businesses)) {
        if (reaches(audience, member.subscription)) visit(member);
      }
      return;
    }
    const members = audience.kind === 'unicast' ? this.byUser.get(audience.uniqueId) : this.all;
    if (members instanceof Set) {
      for (const member of members) if (isMeant(audience, member)) visit(member);
    } else if (members !== undefined && isMeant(audience, members)) visit(members);
  }

  /** Holders of any of the tags or, without tags, of any of the businesses. */
  private candidates(tags: readonly string[], businesses: readonly string[]): ReadonlySet<T> {
    const [index, labels] = tags.length > 0 ? [this.byTag, tags] : [this.byBusiness, businesses];
    const found = new Set<T>();
    for (const label of labels) {
      const members = index.get(label);
      if (members instanceof Set) for (const member of members) found.add(member);
      else if (members !== undefined) found.add(members);
    }
    return found;
  }
}

function isMeant(audience: Exclude<Audience, { kind: 'multicast' }>, member: Member): boolean {
  return audience.clientType === '' || reaches(audience, member.subscription);
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
