import { parseCursor } from '../protocol/cursor';
import { globals, host } from './host';
import type { StorageLike } from './types';

/** ms to wait for the lock that the page before a reload still holds. */
const LOCK_WAIT = 300;
/** ms after which the entry of a tab is taken for that of one that is gone. */
const FORGET = 7 * 24 * 60 * 60 * 1000;

/** Characters of an id of host.newId, which ends the name of an entry. */
const ID = 32;

/**
 * Keeps a cursor in a storage. In `localStorage`, which all tabs share, each tab has an entry of its own: its id lies
 * in `sessionStorage`, and a lock (Web Locks) tells a reloaded tab from a duplicated one, which gets a new id. A new
 * tab starts from the latest entry. A storage that fails (full, forbidden) is as good as none.
 */
export class CursorStore {
  private entry: string;
  private unlock: (() => void) | undefined;

  constructor(
    private storage: StorageLike | undefined,
    private readonly key: string,
  ) {
    this.entry = key;
  }

  /** The cursor to go on from. */
  async load(): Promise<string | undefined> {
    if (this.storage === undefined) return undefined;
    const shared = this.storage === attempt(() => globals.localStorage);
    if (shared) await this.takeEntry();
    return this.read(this.entry) ?? (shared ? this.latest() : undefined);
  }

  /** Where this client starts: what comes from here on is due after a reload as well, also when nothing was handled. */
  begin(cursor: string | undefined): void {
    if (cursor !== undefined && this.read(this.entry) === undefined) this.save(cursor);
  }

  save(cursor: string): void {
    attempt(() => this.storage?.setItem(this.entry, cursor));
  }

  /** A cursor that can be read, or none. */
  private read(entry: string): string | undefined {
    const cursor = attempt(() => this.storage?.getItem(entry));
    return typeof cursor === 'string' && parseCursor(cursor) !== undefined ? cursor : undefined;
  }

  /** Lets another client of this tab have the entry, and writes nothing any more, whatever is still being handled. */
  close(): void {
    this.storage = undefined;
    this.unlock?.();
  }

  private async takeEntry(): Promise<void> {
    const own = attempt(() => globals.sessionStorage?.getItem(this.key));
    let id = own ?? host.newId();
    if (!(await this.lock(`${this.key}.${id}`))) {
      id = host.newId();
      await this.lock(`${this.key}.${id}`);
    }
    attempt(() => globals.sessionStorage?.setItem(this.key, id));
    this.entry = `${this.key}.${id}`;
  }

  /** The latest position that a tab has handled. Forgets tabs that ended long ago. */
  private latest(): string | undefined {
    let latest: string | undefined;
    for (const name of Object.keys(this.storage ?? {})) {
      const cursor = name.slice(0, -ID) === `${this.key}.` ? this.read(name) : undefined;
      if (cursor === undefined) continue;
      const time = timeOf(cursor);
      if (time > 0 && Date.now() - time > FORGET) attempt(() => this.storage?.removeItem(name));
      else if (latest === undefined || isLater(cursor, latest)) latest = cursor;
    }
    return latest;
  }

  /** Holds a lock until `close`, or for as long as the page lives; false when another page has it. True where there are no locks. */
  private lock(name: string): Promise<boolean> {
    const locks = attempt(() => globals.navigator?.locks);
    if (locks === undefined) return Promise.resolve(true);
    const patience = new AbortController();
    const timer = setTimeout(() => {
      patience.abort();
    }, LOCK_WAIT);
    return new Promise((resolve) => {
      locks
        .request(name, { signal: patience.signal }, () => {
          clearTimeout(timer);
          resolve(true);
          // Granted after `close`, it is not needed.
          return (
            this.storage &&
            new Promise<void>((release) => {
              this.unlock = release;
            })
          );
        })
        .catch(() => {
          resolve(false);
        });
    });
  }
}

/** By time, since a log that is made anew counts from 0 again; what AMQP brings may have none. */
function isLater(cursor: string, than: string): boolean {
  const [a, b] = [timeOf(cursor), timeOf(than)];
  return a && b ? a > b : parseFloat(cursor) > parseFloat(than);
}

function timeOf(cursor: string): number {
  return parseCursor(cursor)?.timestamp ?? 0;
}

/** Storages throw where the user has forbidden them (WHATWG HTML 12.2). */
function attempt<T>(what: () => T): T | undefined {
  try {
    return what();
  } catch {
    return undefined;
  }
}
