import type { Complete, Entry, GapTold, Invoke, Received } from './history';

export interface Operation {
  readonly invoke: Invoke & Entry;
  readonly completions: readonly (Complete & Entry)[];
}

/** A history by what is asked of it. */
export interface Index {
  readonly entries: readonly Entry[];
  readonly operations: ReadonlyMap<string, Operation>;
  /** What each client's application got, in its order. */
  readonly received: ReadonlyMap<string, readonly (Received & Entry)[]>;
  readonly gaps: ReadonlyMap<string, readonly (GapTold & Entry)[]>;
  readonly clients: ReadonlySet<string>;
  /** When each client was connected for the first time. */
  readonly joined: ReadonlyMap<string, number>;
  readonly wireDuplicates: number;
  /** Copies of one message whose bodies differ, as `client op`. */
  readonly unequalCopies: readonly string[];
}

export function indexOf(entries: readonly Entry[]): Index {
  const operations = new Map<
    string,
    { invoke: Invoke & Entry; completions: (Complete & Entry)[] }
  >();
  const received = new Map<string, (Received & Entry)[]>();
  const gaps = new Map<string, (GapTold & Entry)[]>();
  const joined = new Map<string, number>();
  for (const entry of entries) {
    if (entry.kind === 'invoke') operations.set(entry.op, { invoke: entry, completions: [] });
    else if (isCompletion(entry)) operations.get(entry.op)?.completions.push(entry);
    else if (entry.kind === 'app') listOf(received, entry.client).push(entry);
    else if (entry.kind === 'gap') listOf(gaps, entry.client).push(entry);
    else if (entry.kind === 'connected' && !joined.has(entry.client))
      joined.set(entry.client, entry.at);
  }
  const clients = new Set(joined.keys());
  return { entries, operations, received, gaps, clients, joined, ...copies(entries) };
}

function copies(entries: readonly Entry[]): Pick<Index, 'wireDuplicates' | 'unequalCopies'> {
  const seen = new Map<string, string>();
  const unequalCopies: string[] = [];
  let wireDuplicates = 0;
  for (const entry of entries) {
    if (entry.kind !== 'wire') continue;
    const key = `${entry.client} ${entry.op}`;
    const hash = seen.get(key);
    if (hash === undefined) seen.set(key, entry.hash);
    else {
      wireDuplicates += 1;
      if (hash !== entry.hash) unequalCopies.push(key);
    }
  }
  return { wireDuplicates, unequalCopies };
}

function isCompletion(entry: Entry): entry is Complete & Entry {
  return entry.kind === 'ok' || entry.kind === 'fail' || entry.kind === 'info';
}

function listOf<T>(map: Map<string, T[]>, key: string): T[] {
  const list = map.get(key) ?? [];
  map.set(key, list);
  return list;
}
