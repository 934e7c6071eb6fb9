import { type Audience, reaches, type Subscription } from '../../domain/routing/audience';

interface Member {
  readonly subscription: Subscription;
}

/** Finds the local members of an audience without looking at the others. */
export class AudienceIndex<T extends Member> {
  private readonly byUser = new Map<string, Set<T>>();
  private readonly byTag = new Map<string, Set<T>>();
  private readonly byBusiness = new Map<string, Set<T>>();
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
    if (members === undefined) return;
    for (const member of members) {
      if (audience.clientType === '' || reaches(audience, member.subscription)) visit(member);
    }
  }

  /** Holders of any of the tags or, without tags, of any of the businesses. */
  private candidates(tags: readonly string[], businesses: readonly string[]): ReadonlySet<T> {
    const [index, labels] = tags.length > 0 ? [this.byTag, tags] : [this.byBusiness, businesses];
    const found = new Set<T>();
    for (const label of labels) for (const member of index.get(label) ?? []) found.add(member);
    return found;
  }
}

function put<T>(index: Map<string, Set<T>>, key: string, member: T): void {
  const members = index.get(key);
  if (members === undefined) index.set(key, new Set([member]));
  else members.add(member);
}

function take<T>(index: Map<string, Set<T>>, key: string, member: T): void {
  const members = index.get(key);
  members?.delete(member);
  if (members?.size === 0) index.delete(key);
}
