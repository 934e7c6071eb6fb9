import { type Audience, reaches, type Subscription } from '../../domain/routing/audience';

interface Member {
  readonly subscription: Subscription;
}

/** Finds the local members of an audience without looking at the others. */
export class AudienceIndex<T extends Member> {
  /** Most users have one connection here, and a set for each takes 200 bytes. */
  private readonly byUser = new Map<string, T | Set<T>>();
  private readonly byTag = new Map<string, Set<T>>();
  private readonly byBusiness = new Map<string, Set<T>>();
  readonly all = new Set<T>();

  add(member: T): void {
    this.all.add(member);
    const { uniqueId, tags, businesses } = member.subscription;
    this.putUser(uniqueId, member);
    for (const tag of tags) put(this.byTag, tag, member);
    for (const business of businesses) put(this.byBusiness, business, member);
  }

  remove(member: T): void {
    this.all.delete(member);
    const { uniqueId, tags, businesses } = member.subscription;
    this.takeUser(uniqueId, member);
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

  private putUser(uniqueId: string, member: T): void {
    const members = this.byUser.get(uniqueId);
    if (members === undefined) this.byUser.set(uniqueId, member);
    else if (members instanceof Set) members.add(member);
    else this.byUser.set(uniqueId, new Set([members, member]));
  }

  private takeUser(uniqueId: string, member: T): void {
    const members = this.byUser.get(uniqueId);
    if (members instanceof Set) {
      members.delete(member);
      if (members.size > 0) return;
    } else if (members !== member) return;
    this.byUser.delete(uniqueId);
  }

  /** Holders of any of the tags or, without tags, of any of the businesses. */
  private candidates(tags: readonly string[], businesses: readonly string[]): ReadonlySet<T> {
    const [index, labels] = tags.length > 0 ? [this.byTag, tags] : [this.byBusiness, businesses];
    const found = new Set<T>();
    for (const label of labels) for (const member of index.get(label) ?? []) found.add(member);
    return found;
  }
}

function isMeant(audience: Exclude<Audience, { kind: 'multicast' }>, member: Member): boolean {
  return audience.clientType === '' || reaches(audience, member.subscription);
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
