import { AudienceIndex } from '../../../src/application/delivery/audience-index';
import type { Audience, Subscription } from '../../../src/domain/routing/audience';

interface Named {
  readonly name: string;
  readonly subscription: Subscription;
}

const NONE: ReadonlySet<string> = new Set();
const to = (uniqueId: string, clientType = ''): Audience => ({
  kind: 'unicast',
  uniqueId,
  clientType,
});
const EVERYBODY: Audience = { kind: 'broadcast', clientType: '' };

describe('the members of an audience', () => {
  let index: AudienceIndex<Named>;
  beforeEach(() => {
    index = new AudienceIndex();
  });

  function add(name: string, uniqueId: string, clientType = 'H5'): Named {
    const subscription = { uniqueId, clientType, tags: NONE, businesses: NONE };
    const member = { name, subscription };
    index.add(member);
    return member;
  }

  function found(audience: Audience): string[] {
    const names: string[] = [];
    index.forEach(audience, ({ name }) => names.push(name));
    return names;
  }

  it('are all connections of a user, however many come and go', () => {
    expect(found(to('u'))).toEqual([]);
    const first = add('first', 'u');
    expect(found(to('u'))).toEqual(['first']);
    const second = add('second', 'u');
    add('other', 'v');
    expect(found(to('u'))).toEqual(['first', 'second']);
    index.remove(first);
    expect(found(to('u'))).toEqual(['second']);
    index.remove(second);
    expect(found(to('u'))).toEqual([]);
    add('third', 'u');
    expect(found(to('u'))).toEqual(['third']);
    expect(found(to('v'))).toEqual(['other']);
  });

  it('are not left by another connection of the same user that never was a member', () => {
    add('first', 'u');
    const { subscription } = add('second', 'w');
    index.remove({ name: 'stranger', subscription: { ...subscription, uniqueId: 'u' } });
    expect(found(to('u'))).toEqual(['first']);
  });

  it('are the holders of a label, one or several, each once', () => {
    const label = (name: string, ...tags: string[]): Named => {
      const subscription = {
        uniqueId: name,
        clientType: '',
        tags: new Set(tags),
        businesses: NONE,
      };
      const member = { name, subscription };
      index.add(member);
      return member;
    };
    const tagged = (...tags: string[]): string[] =>
      found({ kind: 'multicast', tags, businesses: [], clientType: '' });
    const first = label('first', 'a', 'b');
    expect(tagged('a')).toEqual(['first']);
    label('second', 'b');
    expect(tagged('b')).toEqual(['first', 'second']);
    expect(tagged('a', 'b', 'c')).toEqual(['first', 'second']);
    // The same label again, and one that both hold beside one that nobody does.
    expect(tagged('b', 'b')).toEqual(['first', 'second']);
    expect(tagged('c', 'b')).toEqual(['first', 'second']);
    expect(tagged('c')).toEqual([]);
    label('third', 'c');
    expect(tagged('a', 'b', 'c')).toEqual(['first', 'second', 'third']);
    expect(tagged('b')).toEqual(['first', 'second']);
    index.remove(first);
    expect(tagged('a')).toEqual([]);
    expect(tagged('a', 'b')).toEqual(['second']);
  });

  it('are the holders of a business, and of a label of each kind where both are asked for', () => {
    for (const name of ['first', 'second', 'third'])
      index.add({
        name,
        subscription: {
          uniqueId: name,
          clientType: '',
          tags: new Set(['a', ...(name === 'third' ? ['b'] : [])]),
          businesses: new Set(['x', ...(name === 'first' ? ['y'] : [])]),
        },
      });
    const multicast = (tags: string[], businesses: string[]): string[] =>
      found({ kind: 'multicast', tags, businesses, clientType: '' });
    expect(multicast(['nobody', 'a'], [])).toEqual(['first', 'second', 'third']);
    expect(multicast([], ['x'])).toEqual(['first', 'second', 'third']);
    expect(multicast([], ['nobody', 'y'])).toEqual(['first']);
    expect(multicast(['b'], ['x'])).toEqual(['third']);
    expect(multicast(['b'], ['y'])).toEqual([]);
    // A set that two labels have filled is nobody's own: each of the two is as it was.
    expect(multicast(['b', 'a'], ['x'])).toEqual(['third', 'first', 'second']);
    expect(multicast(['b'], [])).toEqual(['third']);
  });

  it('are only those of the kind of client, for a single connection as for several', () => {
    add('page', 'u', 'WEB');
    expect(found(to('u', 'H5'))).toEqual([]);
    expect(found(to('u', 'WEB'))).toEqual(['page']);
    add('phone', 'u', 'H5');
    expect(found(to('u', 'H5'))).toEqual(['phone']);
    expect(found({ ...EVERYBODY, clientType: 'WEB' })).toEqual(['page']);
    expect(found(EVERYBODY)).toEqual(['page', 'phone']);
  });
});
