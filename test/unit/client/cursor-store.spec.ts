import type { StorageLike } from '../../../src/client';
import { ScriptedClient, settled } from './scripted-socket';

/** Own enumerable keys are the entries, as those of a Web Storage are. */
function aStorage(): StorageLike {
  const storage = Object.create({
    getItem(this: Record<string, string>, key: string) {
      return this[key] ?? null;
    },
    setItem(this: Record<string, string>, key: string, value: string) {
      this[key] = value;
    },
    removeItem(this: Record<string, string>, key: string) {
      Reflect.deleteProperty(this, key);
    },
  }) as StorageLike;
  return storage;
}

type Grant = (others?: Grant[]) => void;

/** Locks that pages hold until they are gone (Web Locks API). */
class Locks {
  private readonly held = new Map<string, Grant[]>();

  request(
    name: string,
    { signal }: { signal: AbortSignal },
    hold: () => Promise<void> | undefined,
  ): Promise<unknown> {
    const queue = this.held.get(name);
    const grant: Grant = (others = []) => {
      this.held.set(name, others);
      void Promise.resolve(hold()).then(() => {
        this.release(name);
      });
    };
    if (queue === undefined) {
      grant();
      return new Promise(() => undefined);
    }
    return new Promise((_resolve, reject) => {
      queue.push(grant);
      signal.addEventListener('abort', () => {
        reject(new Error('aborted'));
      });
    });
  }

  release(name: string): void {
    const [next, ...others] = this.held.get(name) ?? [];
    this.held.delete(name);
    next?.(others);
  }

  get names(): string[] {
    return [...this.held.keys()];
  }
}

const DAY = 24 * 60 * 60 * 1000;

describe('a cursor that is kept', () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });
  afterEach(() => {
    for (const name of ['localStorage', 'sessionStorage']) Reflect.deleteProperty(globalThis, name);
    jest.useRealTimers();
  });

  async function page(storage: StorageLike, storageKey?: string): Promise<ScriptedClient> {
    const scripted = new ScriptedClient({
      storage,
      ...(storageKey !== undefined && { storageKey }),
    });
    await jest.advanceTimersByTimeAsync(700);
    scripted.socket.welcome();
    return scripted;
  }

  it('is where the page goes on after a reload', async () => {
    const storage = aStorage();
    const before = await page(storage);
    expect(before.socket.url).not.toContain('cursor');
    for (const offset of [11, 12]) before.socket.deliver(offset);
    await jest.advanceTimersByTimeAsync(100);
    const after = await page(storage);
    expect(after.socket.url).toBe('wss://host/rt/socket/token1?cursor=12-1012');
    const seen: unknown[] = [];
    after.client.on('news', ({ content }) => seen.push(content));
    for (const offset of [12, 13]) after.socket.deliver(offset);
    expect(seen).toEqual([13]);
  });

  it('is that of the start until something was handled, whatever token a reload brings', async () => {
    const storage = aStorage();
    const before = await page(storage);
    expect(before.socket.url).not.toContain('cursor');
    const after = await page(storage);
    expect(after.socket.url).toContain('?cursor=10-1000');
    after.socket.welcome();
    expect((await page(storage)).socket.url).toContain('?cursor=10-1000');
  });

  it('is that of the first token when the page is reloaded before it was welcomed', async () => {
    const storage = aStorage();
    for (const [issued, position] of [
      ['3-1003', ''],
      ['9-1009', '?cursor=3-1003'],
    ] as const) {
      const payload = Buffer.from(JSON.stringify({ cu: issued })).toString('base64url');
      const url = `wss://host/socket/head.${payload}.signature`;
      const scripted = new ScriptedClient({ storage, url: () => url });
      await settled();
      expect(scripted.socket.url).toBe(url + position);
    }
  });

  it.each([1008, 4500, 4501])(
    'is behind all that the client has handled when %d ended it, but for what it was at',
    async (code) => {
      const storage = aStorage();
      const before = await page(storage);
      const seen: unknown[] = [];
      before.client.on('news', async ({ content }) => {
        seen.push(content);
        await new Promise((resolve) => setTimeout(resolve, 50));
      });
      for (const offset of [11, 12, 13, 14]) before.socket.deliver(offset);
      await jest.advanceTimersByTimeAsync(60);
      before.socket.drop(code);
      await jest.advanceTimersByTimeAsync(1000);
      expect(seen).toEqual([11, 12]);
      const after = await page(storage);
      expect(after.socket.url).toContain('?cursor=11-1011');
    },
  );

  it('is that of the identity after a renewal, whatever of the former one is handled yet', async () => {
    const storage = aStorage();
    const scripted = await page(storage);
    const gates: (() => void)[] = [];
    scripted.client.on('news', () => new Promise<void>((resolve) => gates.push(resolve)));
    for (const offset of [11, 12, 13]) scripted.socket.deliver(offset);
    const renewed = scripted.client.renew('fresh');
    scripted.socket.welcome({ uniqueId: 'u2', cursor: '4-1004' });
    await renewed;
    for (let i = 0; i < 2; i += 1) {
      gates[i]?.();
      await jest.advanceTimersByTimeAsync(200);
    }
    expect(scripted.client.cursor).toBe('12-1012');
    expect(storage.getItem('wirepost')).toBe('4-1004');
  });

  it('is that of the identity after a renewal at other nodes, too', async () => {
    const storage = aStorage();
    const scripted = await page(storage);
    scripted.client.on('news', () => new Promise(() => undefined));
    for (const offset of [11, 12]) scripted.socket.deliver(offset);
    const payload = Buffer.from(JSON.stringify({ cu: '40-1040' })).toString('base64url');
    const renewed = scripted.client.renew(`wss://two/socket/head.${payload}.signature`);
    const refusal = { code: 'OTHER_PARTITION', message: 'elsewhere', retryable: false };
    scripted.socket.receive({ op: 'rejected', ...refusal });
    await settled();
    scripted.socket.welcome({ uniqueId: 'u2', cursor: '40-1040' });
    await renewed;
    expect(storage.getItem('wirepost')).toBe('40-1040');
  });

  it('is of its own for each key', async () => {
    const storage = aStorage();
    (await page(storage, 'one')).socket.deliver(11);
    (await page(storage, 'two')).socket.deliver(22);
    await jest.advanceTimersByTimeAsync(100);
    expect((await page(storage, 'one')).socket.url).toContain('cursor=11-');
  });

  it('is not missed where storage is forbidden, full, or holds something else', async () => {
    const forbid = (): never => {
      throw new Error('SecurityError');
    };
    const broken = { getItem: forbid, setItem: forbid, removeItem: forbid };
    const scripted = await page(broken);
    scripted.socket.deliver(11);
    await jest.advanceTimersByTimeAsync(100);
    expect(scripted.socket.ops('ack')).toHaveLength(1);
    const storage = aStorage();
    storage.setItem('wirepost', 'nonsense');
    expect((await page(storage)).socket.url).not.toContain('cursor');
  });

  describe('in localStorage, which tabs share', () => {
    const locks = (): Locks => {
      const made = new Locks();
      Object.defineProperty(globalThis, 'navigator', {
        value: { locks: made },
        configurable: true,
      });
      return made;
    };
    function tab(localStorage: StorageLike, sessionStorage: StorageLike): Promise<ScriptedClient> {
      Object.assign(globalThis, { localStorage, sessionStorage });
      return page(localStorage);
    }
    let navigatorBefore: PropertyDescriptor | undefined;
    beforeEach(() => {
      jest.setSystemTime(5000);
      navigatorBefore = Object.getOwnPropertyDescriptor(globalThis, 'navigator');
      Object.defineProperty(globalThis, 'navigator', { value: {}, configurable: true });
    });
    afterEach(() => {
      Reflect.deleteProperty(globalThis, 'navigator');
      if (navigatorBefore !== undefined)
        Object.defineProperty(globalThis, 'navigator', navigatorBefore);
    });

    it('is of its own for each tab, over reloads', async () => {
      const pages = locks();
      const [shared, first, second] = [aStorage(), aStorage(), aStorage()];
      const one = await tab(shared, first);
      const two = await tab(shared, second);
      one.socket.deliver(50);
      two.socket.deliver(30);
      await jest.advanceTimersByTimeAsync(100);
      for (const name of pages.names) pages.release(name);
      expect((await tab(shared, second)).socket.url).toContain('cursor=30-');
      expect((await tab(shared, first)).socket.url).toContain('cursor=50-');
    });

    it('is the latest of all tabs for a new one, and a duplicated tab is a new one', async () => {
      locks();
      const [shared, first] = [aStorage(), aStorage()];
      const one = await tab(shared, first);
      one.socket.deliver(50);
      await jest.advanceTimersByTimeAsync(100);
      expect((await tab(shared, aStorage())).socket.url).toContain('cursor=50-');
      // The duplicate has a copy of the session storage, while the first tab still holds its lock.
      const copy = Object.assign(aStorage(), first);
      const duplicate = await tab(shared, copy);
      duplicate.socket.deliver(60);
      await jest.advanceTimersByTimeAsync(100);
      expect(one.client.cursor).toBe('50-1050');
      expect(Object.keys(shared).filter((key) => key.startsWith('wirepost.'))).toHaveLength(3);
    });

    it('is the latest of all tabs also where a position has no time, as of what came by AMQP', async () => {
      locks();
      const shared = aStorage();
      const [one, other] = [await tab(shared, aStorage()), await tab(shared, aStorage())];
      one.socket.deliver(50);
      other.socket.deliver(60, { cursor: '60-0' });
      await jest.advanceTimersByTimeAsync(100);
      expect((await tab(shared, aStorage())).socket.url).toContain('cursor=60-0');
    });

    it('is that of the tab for the next client in it, when the one before was closed', async () => {
      locks();
      const [shared, first] = [aStorage(), aStorage()];
      const one = await tab(shared, first);
      one.socket.deliver(30);
      one.client.close();
      const other = await tab(shared, aStorage());
      other.socket.deliver(50);
      await jest.advanceTimersByTimeAsync(100);
      expect((await tab(shared, first)).socket.url).toContain('cursor=30-');
    });

    it('is that of the tab for the next client in it, when the server has ended the one before', async () => {
      locks();
      const [shared, first] = [aStorage(), aStorage()];
      const one = await tab(shared, first);
      one.socket.deliver(30);
      one.socket.drop(4500);
      const other = await tab(shared, aStorage());
      other.socket.deliver(50);
      await jest.advanceTimersByTimeAsync(100);
      expect((await tab(shared, first)).socket.url).toContain('cursor=30-');
    });

    it('is that of the tab also when a client was closed before it had its lock, as React mounts twice', async () => {
      const pages = locks();
      const [shared, first] = [aStorage(), aStorage()];
      const before = await tab(shared, first);
      before.socket.deliver(30);
      const other = await tab(shared, aStorage());
      other.socket.deliver(50);
      await jest.advanceTimersByTimeAsync(100);
      // The page is loaded again: the lock of the one before is free a moment later.
      Object.assign(globalThis, { localStorage: shared, sessionStorage: first });
      new ScriptedClient({ storage: shared }).client.close();
      const second = new ScriptedClient({ storage: shared });
      for (const name of pages.names)
        if (name.endsWith(first.getItem('wirepost') ?? '')) pages.release(name);
      await jest.advanceTimersByTimeAsync(700);
      expect(second.socket.url).toContain('cursor=30-');
    });

    it.each<[string, (one: ScriptedClient) => void]>([
      [
        'was closed',
        (one) => {
          one.client.close();
        },
      ],
      [
        'was ended by the server',
        (one) => {
          one.socket.drop(4500);
        },
      ],
    ])('is not written any more by a handler that ends after its client %s', async (_how, end) => {
      locks();
      const [shared, first] = [aStorage(), aStorage()];
      const one = await tab(shared, first);
      let finish = (): void => undefined;
      one.client.on('*', () => new Promise<void>((resolve) => (finish = resolve)));
      one.socket.deliver(30);
      end(one);
      for (const name of Object.keys(shared)) shared.removeItem(name);
      finish();
      await jest.advanceTimersByTimeAsync(1000);
      expect(Object.keys(shared)).toEqual([]);
    });

    it('is not that of clients with another key, also when it begins with the same word', async () => {
      locks();
      const [shared, first] = [aStorage(), aStorage()];
      Object.assign(globalThis, { localStorage: shared, sessionStorage: first });
      (await page(shared, 'wirepost.orders')).socket.deliver(90);
      (await page(shared)).socket.deliver(10, { cursor: '30-1030' });
      await jest.advanceTimersByTimeAsync(100);
      expect((await tab(shared, aStorage())).socket.url).toContain('cursor=30-');
    });

    it('is of the tab and kept also where the page names the first one itself', async () => {
      const pages = locks();
      const [shared, first] = [aStorage(), aStorage()];
      (await tab(shared, first)).socket.deliver(50);
      await jest.advanceTimersByTimeAsync(100);
      for (const name of pages.names) pages.release(name);
      const named = new ScriptedClient({ storage: shared, cursor: '20-1020' });
      await jest.advanceTimersByTimeAsync(700);
      expect(named.socket.url).toContain('cursor=20-');
      for (const name of pages.names) pages.release(name);
      expect((await tab(shared, first)).socket.url).toContain('cursor=20-');
      expect(Object.keys(shared)).toHaveLength(1);
    });

    it('is waited for, also when the page is shown meanwhile', async () => {
      locks();
      const [shared, first] = [aStorage(), aStorage()];
      const before = await tab(shared, first);
      before.socket.deliver(50);
      await jest.advanceTimersByTimeAsync(100);
      // As after a reload: the page before still holds its lock for a moment.
      const scripted = new ScriptedClient({ storage: shared });
      scripted.client.reconnect();
      await settled();
      expect(scripted.sockets).toHaveLength(0);
      await jest.advanceTimersByTimeAsync(700);
      expect(scripted.socket.url).toContain('cursor=50-');
    });

    it('is forgotten a week after its tab has ended', async () => {
      const shared = aStorage();
      jest.setSystemTime(100 * DAY);
      const [old, recent] = ['0', '1'].map((digit) => `wirepost.${digit.repeat(32)}`) as [
        string,
        string,
      ];
      shared.setItem(old, `90-${String(92 * DAY)}`);
      shared.setItem(recent, `80-${String(94 * DAY)}`);
      const scripted = await tab(shared, aStorage());
      expect(scripted.socket.url).toContain('cursor=80-');
      expect(Object.keys(shared)).not.toContain(old);
      await settled();
    });
  });
});
