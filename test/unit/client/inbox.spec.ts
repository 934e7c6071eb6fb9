import { ScriptedClient, settled } from './scripted-socket';

describe('what the SDK gives to the application', () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  it('comes by business type, or all of it to *', async () => {
    const scripted = await ScriptedClient.welcomed();
    const [news, all]: [unknown[], unknown[]] = [[], []];
    const off = scripted.client.on('news', ({ content }) => news.push(content));
    scripted.client.on('*', ({ content }) => all.push(content));
    scripted.socket.deliver(11);
    scripted.socket.deliver(12, { businessType: 'weather' });
    off();
    scripted.socket.deliver(13);
    expect(news).toEqual([11]);
    expect(all).toEqual([11, 12, 13]);
  });

  it('comes to a function as often as it is registered', async () => {
    const scripted = await ScriptedClient.welcomed();
    const seen: unknown[] = [];
    const handler = ({ content }: { content: unknown }): void => {
      seen.push(content);
    };
    const offs = [scripted.client.on('news', handler), scripted.client.on('news', handler)];
    scripted.socket.deliver(11);
    offs[0]?.();
    offs[0]?.();
    scripted.socket.deliver(12);
    offs[1]?.();
    scripted.socket.deliver(13);
    expect(seen).toEqual([11, 11, 12]);
  });

  it('comes once: a position at or below the cursor is dropped', async () => {
    const scripted = await ScriptedClient.welcomed();
    const seen: unknown[] = [];
    scripted.client.on('news', ({ content }) => seen.push(content));
    for (const offset of [9, 10, 11, 12, 12, 11, 13]) scripted.socket.deliver(offset);
    scripted.socket.drop();
    await scripted.again();
    for (const offset of [12, 13, 14]) scripted.socket.deliver(offset);
    expect(seen).toEqual([11, 12, 13, 14]);
  });

  it('takes the first entry of a log for a message like any other', async () => {
    const scripted = new ScriptedClient();
    const seen: unknown[] = [];
    scripted.client.on('news', ({ content }) => seen.push(content));
    await settled();
    scripted.socket.welcome({ cursor: '0-0' });
    scripted.socket.deliver(0);
    scripted.socket.deliver(0);
    expect(seen).toEqual([0]);
  });

  it('comes one at a time, and the cursor follows what was handled', async () => {
    const scripted = await ScriptedClient.welcomed();
    const gates: (() => void)[] = [];
    const begun: unknown[] = [];
    scripted.client.on('news', ({ content }) => {
      begun.push(content);
      return new Promise<void>((resolve) => gates.push(resolve));
    });
    scripted.socket.deliver(11);
    scripted.socket.deliver(12);
    await settled();
    expect(begun).toEqual([11]);
    expect(scripted.client.cursor).toBe('10-1000');
    gates[0]?.();
    await settled();
    expect(begun).toEqual([11, 12]);
    expect(scripted.client.cursor).toBe('11-1011');
  });

  it.each([
    [
      'throws',
      () => {
        throw new Error('broken');
      },
    ],
    ['rejects', () => Promise.reject(new Error('broken'))],
  ])('comes to every handler as often, whether another one %s', async (_how, broken) => {
    const scripted = await ScriptedClient.welcomed({ handlerAttempts: 2 });
    const seen: unknown[] = [];
    scripted.client.on('news', broken);
    scripted.client.on('*', ({ content }) => seen.push(content));
    scripted.socket.deliver(11);
    await scripted.again();
    scripted.socket.deliver(11);
    await settled();
    expect(seen).toEqual([11, 11]);
    expect(scripted.named('error')).toMatchObject([{ final: false }, { final: true }]);
    expect(scripted.client.cursor).toBe('11-1011');
  });

  it('comes again only when every handler of it has ended', async () => {
    const scripted = await ScriptedClient.welcomed();
    let finish = (): void => undefined;
    scripted.client.on('news', () => Promise.reject(new Error('broken')));
    scripted.client.on('*', () => new Promise<void>((resolve) => (finish = resolve)));
    scripted.socket.deliver(11);
    await settled();
    expect(scripted.named('error')).toEqual([]);
    finish();
    await settled();
    expect(scripted.named('error')).toMatchObject([{ attempt: 1 }]);
  });

  it('comes to nobody any more after the client was closed', async () => {
    const scripted = await ScriptedClient.welcomed();
    let finish = (): void => undefined;
    const begun: unknown[] = [];
    scripted.client.on('news', ({ content }) => {
      begun.push(content);
      return new Promise<void>((resolve) => (finish = resolve));
    });
    scripted.socket.deliver(11);
    scripted.socket.deliver(12);
    scripted.client.close();
    finish();
    await settled();
    expect(begun).toEqual([11]);
  });

  it('is acknowledged in one frame for many, and only when it was handled', async () => {
    const scripted = await ScriptedClient.welcomed();
    let finish: () => void = () => undefined;
    scripted.client.on('slow', () => new Promise<void>((resolve) => (finish = resolve)));
    for (let offset = 11; offset <= 200; offset += 1) scripted.socket.deliver(offset);
    scripted.socket.deliver(201, { businessType: 'slow' });
    scripted.socket.deliver(202);
    await jest.advanceTimersByTimeAsync(1000);
    expect(scripted.socket.ops('ack')).toEqual([{ op: 'ack', cursor: '200-1200' }]);
    finish();
    await jest.advanceTimersByTimeAsync(1000);
    expect(scripted.socket.ops('ack').at(-1)).toEqual({ op: 'ack', cursor: '202-1202' });
  });

  it('is acknowledged on the next connection when it was handled without one', async () => {
    const scripted = await ScriptedClient.welcomed();
    scripted.socket.deliver(11);
    scripted.socket.drop();
    await jest.advanceTimersByTimeAsync(100);
    expect(scripted.socket.ops('ack')).toEqual([]);
    const socket = await scripted.again();
    await jest.advanceTimersByTimeAsync(100);
    expect(socket.ops('ack')).toEqual([{ op: 'ack', cursor: '11-1011' }]);
  });

  it.each([
    [
      'throws',
      () => {
        throw new Error('crash');
      },
    ],
    ['rejects', () => Promise.reject(new Error('crash'))],
  ])(
    'comes again after a reconnect when its handler %s, before what follows it',
    async (_how, crash) => {
      const scripted = await ScriptedClient.welcomed();
      const handled: unknown[] = [];
      let failures = 1;
      scripted.client.on('news', ({ content }) => {
        if (content === 12 && failures-- > 0) return crash();
        handled.push(content);
        return undefined;
      });
      for (const offset of [11, 12, 13]) scripted.socket.deliver(offset);
      await settled();
      const old = scripted.sockets[0];
      expect(old?.closedWith).toBe(4000);
      old?.deliver(14);
      expect(handled).toEqual([11]);
      expect(scripted.named('error')).toMatchObject([
        { attempt: 1, final: false, message: { content: 12 } },
      ]);
      const socket = await scripted.again();
      expect(socket.url).toContain('?cursor=11-1011');
      for (const offset of [12, 13, 14]) socket.deliver(offset);
      expect(handled).toEqual([11, 12, 13, 14]);
    },
  );

  it('is given up, and said so, when its handler fails five times', async () => {
    const scripted = await ScriptedClient.welcomed();
    const handled: unknown[] = [];
    scripted.client.on('news', ({ content }) => {
      if (content === 11) throw new Error('poison');
      handled.push(content);
    });
    for (let attempt = 1; attempt <= 5; attempt += 1) {
      if (attempt > 1) await scripted.again();
      scripted.socket.deliver(11);
      scripted.socket.deliver(12);
      await settled();
    }
    expect(scripted.named('error').map((event) => (event as { final: boolean }).final)).toEqual([
      false,
      false,
      false,
      false,
      true,
    ]);
    expect(handled).toEqual([12]);
    expect(scripted.client.cursor).toBe('12-1012');
  });

  it('hands over what it has in its queue when the connection is lost, and asks for the rest only', async () => {
    const scripted = await ScriptedClient.welcomed();
    const gates: (() => void)[] = [];
    const handled: unknown[] = [];
    scripted.client.on('news', async ({ content }) => {
      await new Promise<void>((resolve) => gates.push(resolve));
      handled.push(content);
    });
    for (const offset of [11, 12]) scripted.socket.deliver(offset);
    scripted.socket.drop();
    const socket = await scripted.again();
    expect(socket.url).toContain('?cursor=12-1012');
    for (let i = 0; i < 2; i += 1) {
      gates[i]?.();
      await settled();
    }
    expect(handled).toEqual([11, 12]);
  });

  it('holds no more than ten thousand messages and fetches the rest when they are handled', async () => {
    const scripted = await ScriptedClient.welcomed();
    let release: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (release = resolve));
    const handled: number[] = [];
    scripted.client.on<number>('news', async ({ content }) => {
      if (content === 11) await gate;
      handled.push(content);
    });
    for (let offset = 11; offset <= 10_050; offset += 1) scripted.socket.deliver(offset);
    release();
    await settled();
    expect(scripted.sockets).toHaveLength(2);
    const from = Number(/cursor=(\d+)/.exec(scripted.socket.url)?.[1]);
    expect(from).toBe(handled.at(-1));
    scripted.socket.welcome();
    for (let offset = from + 1; offset <= 10_050; offset += 1) scripted.socket.deliver(offset);
    await settled();
    expect(handled).toEqual(Array.from({ length: 10_040 }, (_, i) => i + 11));
  });

  it('comes in order and once also where something waits all the time', async () => {
    const scripted = await ScriptedClient.welcomed();
    const handled: number[] = [];
    const last = 25_010;
    let offset = 11;
    const deliver = (): void => {
      if (offset <= last) scripted.socket.deliver(offset++);
    };
    scripted.client.on<number>('news', async ({ content }) => {
      deliver();
      await Promise.resolve();
      handled.push(content);
    });
    deliver();
    deliver();
    for (let i = 0; i < 100 && handled.length < last - 10; i += 1) await settled();
    expect(handled).toEqual(Array.from({ length: last - 10 }, (_, i) => i + 11));
    expect(scripted.sockets).toHaveLength(1);
  });

  it('moves on in quiet times with the position that a pong gives', async () => {
    const scripted = await ScriptedClient.welcomed();
    scripted.socket.receive({ op: 'pong', cursor: '500-2000' });
    expect(scripted.client.cursor).toBe('500-2000');
    scripted.socket.receive({ op: 'pong', cursor: '400-1900' });
    expect(scripted.client.cursor).toBe('500-2000');
  });

  it('tells of a gap in order with the messages', async () => {
    const scripted = await ScriptedClient.welcomed();
    const seen: unknown[] = [];
    scripted.client.on('news', async ({ content }) => {
      await Promise.resolve();
      seen.push(content);
    });
    scripted.client.listen('gap', ({ reason }) => seen.push(reason));
    scripted.socket.deliver(11);
    scripted.socket.receive({ op: 'gap', from: '11-1011', to: '20-1020', reason: 'WINDOW_PASSED' });
    scripted.socket.deliver(21);
    await settled();
    expect(seen).toEqual([11, 'WINDOW_PASSED', 21]);
    expect(scripted.named('gap')).toEqual([
      { from: '11-1011', to: '20-1020', reason: 'WINDOW_PASSED' },
    ]);
  });

  it('starts counting anew in another log', async () => {
    const scripted = await ScriptedClient.welcomed();
    const seen: unknown[] = [];
    scripted.client.on('news', ({ content }) => seen.push(content));
    scripted.socket.deliver(11);
    scripted.socket.receive({ op: 'gap', from: '11-1011', to: '0-0', reason: 'OTHER_LOG' });
    scripted.socket.deliver(1);
    scripted.socket.deliver(2);
    expect(seen).toEqual([11, 1, 2]);
    expect(scripted.client.cursor).toBe('2-1002');
  });

  describe('of another log, while messages of the former one wait', () => {
    const otherLog = { op: 'gap', from: '13-1013', to: '0-0', reason: 'OTHER_LOG' };

    /** Three messages that wait for a slow handler, which fails as often as it is told on the second one. */
    async function waiting(failures: number) {
      const scripted = await ScriptedClient.welcomed();
      const [handled, gates]: [unknown[], (() => void)[]] = [[], []];
      let left = failures;
      scripted.client.on('news', async ({ cursor }) => {
        await new Promise<void>((resolve) => gates.push(resolve));
        if (cursor === '12-1012' && left-- > 0) throw new Error('not yet');
        handled.push(cursor);
      });
      for (const offset of [11, 12, 13]) scripted.socket.deliver(offset);
      const goOn = async (): Promise<void> => {
        gates.shift()?.();
        await jest.advanceTimersByTimeAsync(1100);
      };
      return { scripted, handled, goOn };
    }

    it('is handled after them, also when a handler fails that cannot get its message again', async () => {
      const { scripted, handled, goOn } = await waiting(1);
      scripted.socket.drop();
      const socket = await scripted.again();
      socket.receive(otherLog);
      socket.deliver(1);
      jest.spyOn(Math, 'random').mockReturnValue(0);
      for (let i = 0; i < 2; i += 1) await goOn();
      expect(scripted.named('error')).toMatchObject([{ attempt: 1, final: false }]);
      expect(scripted.socket.url).toContain('?cursor=1-1001');
      scripted.socket.welcome();
      scripted.socket.deliver(2);
      for (let i = 0; i < 4; i += 1) await goOn();
      jest.restoreAllMocks();
      expect(handled).toEqual(['11-1011', '12-1012', '13-1013', '1-1001', '2-1002']);
      expect(scripted.named('gap')).toHaveLength(1);
    });

    it('is acknowledged from its own first message on', async () => {
      const { scripted, goOn } = await waiting(0);
      await goOn();
      scripted.socket.drop();
      const socket = await scripted.again();
      socket.receive(otherLog);
      socket.deliver(1);
      for (let i = 0; i < 3; i += 1) await goOn();
      const acks = socket.ops('ack').map(({ cursor }) => cursor);
      expect(acks).toEqual(['0-0', '1-1001']);
    });

    it('comes once, also when the next connection takes a new token', async () => {
      const { scripted, handled, goOn } = await waiting(0);
      scripted.socket.receive(otherLog);
      for (const offset of [1, 2]) scripted.socket.deliver(offset);
      scripted.socket.drop(4401);
      const socket = await scripted.again();
      expect(socket.url).toBe('wss://host/rt/socket/token2?cursor=2-1002');
      socket.deliver(3);
      for (let i = 0; i < 6; i += 1) await goOn();
      expect(handled).toEqual(['11-1011', '12-1012', '13-1013', '1-1001', '2-1002', '3-1003']);
    });
  });

  it('starts where the given cursor says', async () => {
    const scripted = new ScriptedClient({ cursor: '7-1007' });
    await settled();
    expect(scripted.socket.url).toBe('wss://host/rt/socket/token1?cursor=7-1007');
  });

  it('is sent again, and shown once, by a server that knows nothing of the session', async () => {
    const scripted = await ScriptedClient.welcomed();
    const seen: unknown[] = [];
    const gates: (() => void)[] = [];
    scripted.client.on('news', ({ content }) => {
      seen.push(content);
      return new Promise<void>((resolve) => gates.push(resolve));
    });
    for (const offset of [11, 12, 13]) scripted.socket.deliver(offset);
    gates.shift()?.();
    await settled();
    // The session is over: a new token.
    scripted.socket.drop(4401);
    const socket = await scripted.again();
    expect(socket.url).toBe('wss://host/rt/socket/token2?cursor=11-1011');
    for (const offset of [12, 13, 14]) socket.deliver(offset);
    for (let i = 0; i < 3; i += 1) {
      gates.shift()?.();
      await settled();
    }
    expect(seen).toEqual([11, 12, 13, 14]);
    await jest.advanceTimersByTimeAsync(200);
    expect(socket.ops('ack').at(-1)).toEqual({ op: 'ack', cursor: '14-1014' });
  });

  describe('after a renewal', () => {
    it('acknowledges what it has handled before it becomes another', async () => {
      const scripted = await ScriptedClient.welcomed();
      scripted.socket.deliver(11);
      const renewed = scripted.client.renew('fresh');
      expect(scripted.socket.sent.slice(-2)).toEqual([
        { op: 'ack', cursor: '11-1011' },
        { op: 'renew', token: 'fresh' },
      ]);
      scripted.socket.welcome({ uniqueId: 'u2', cursor: '10-1000' });
      await renewed;
    });

    it('goes on as it was with the same identity', async () => {
      const scripted = await ScriptedClient.welcomed();
      scripted.socket.deliver(11);
      const renewed = scripted.client.renew('wss://host/rt/socket/fresh');
      expect(scripted.socket.ops('renew')).toEqual([{ op: 'renew', token: 'fresh' }]);
      scripted.socket.welcome({ cursor: '11-1011', reconnectToken: 'newer' });
      await expect(renewed).resolves.toMatchObject({ uniqueId: 'u1' });
      scripted.socket.drop();
      await scripted.again();
      expect(scripted.socket.url).toBe('wss://host/rt/socket/newer?cursor=11-1011');
    });

    it('is that of the new identity, and nothing comes twice that both are sent', async () => {
      const scripted = await ScriptedClient.welcomed();
      const seen: unknown[] = [];
      scripted.client.on('*', ({ content }) => seen.push(content));
      for (const offset of [11, 13]) scripted.socket.deliver(offset);
      const renewed = scripted.client.renew('fresh');
      scripted.socket.welcome({ uniqueId: 'u2', cursor: '10-1000' });
      await expect(renewed).resolves.toMatchObject({ uniqueId: 'u2' });
      scripted.socket.deliver(12);
      scripted.socket.drop();
      await scripted.again();
      expect(scripted.socket.url).toContain('?cursor=12-1012');
      for (const offset of [13, 14]) scripted.socket.deliver(offset);
      expect(seen).toEqual([11, 13, 12, 14]);
    });

    it('has what was for the identity before handled again where it is, since it cannot come again', async () => {
      const scripted = await ScriptedClient.welcomed();
      const handled: unknown[] = [];
      const gates: (() => void)[] = [];
      let failures = 2;
      scripted.client.on('news', async ({ content }) => {
        if (content === 11) await new Promise<void>((resolve) => gates.push(resolve));
        if (content === 12 && failures-- > 0) throw new Error('not yet');
        handled.push(content);
      });
      for (const offset of [11, 12, 13]) scripted.socket.deliver(offset);
      const renewed = scripted.client.renew('fresh');
      scripted.socket.welcome({ uniqueId: 'u2', cursor: '13-1013' });
      await renewed;
      // It connects before the second attempt, whose failure gives up the connection of that moment.
      const random = jest.spyOn(Math, 'random').mockReturnValue(0.5);
      gates[0]?.();
      await settled();
      expect(scripted.named('error')).toMatchObject([{ attempt: 1, final: false }]);
      const socket = await scripted.again();
      random.mockRestore();
      expect(socket.url).toContain('?cursor=13-1013');
      socket.deliver(14);
      for (let i = 0; i < 2; i += 1) await jest.advanceTimersByTimeAsync(1000);
      expect(handled).toEqual([11, 12, 13, 14]);
      expect(scripted.named('error')).toMatchObject([{ attempt: 1 }, { attempt: 2, final: false }]);
      expect(scripted.client.cursor).toBe('14-1014');
    });

    it('says of nothing that was for the identity before that the new one has handled it', async () => {
      const scripted = await ScriptedClient.welcomed();
      const gates: (() => void)[] = [];
      scripted.client.on('news', () => new Promise<void>((resolve) => gates.push(resolve)));
      for (const offset of [11, 12]) scripted.socket.deliver(offset);
      gates.shift()?.();
      await settled();
      const renewed = scripted.client.renew('fresh');
      scripted.socket.welcome({ uniqueId: 'u2', cursor: '3-1003' });
      await renewed;
      scripted.socket.deliver(5);
      scripted.socket.drop();
      const socket = await scripted.again({ uniqueId: 'u2' });
      expect(socket.url).toContain('?cursor=5-1005');
      await jest.advanceTimersByTimeAsync(200);
      expect(socket.ops('ack')).toEqual([]);
      gates.shift()?.();
      await jest.advanceTimersByTimeAsync(200);
      // 12 was of the former one; the new one's position is before its first message.
      expect(socket.ops('ack')).toEqual([{ op: 'ack', cursor: '3-1003' }]);
      gates.shift()?.();
      await jest.advanceTimersByTimeAsync(200);
      expect(socket.ops('ack').at(-1)).toEqual({ op: 'ack', cursor: '5-1005' });
    });

    it('is not rejected for an acknowledgement that is', async () => {
      const scripted = await ScriptedClient.welcomed();
      const renewed = scripted.client.renew('fresh');
      const refusal = { code: 'BAD_CURSOR', message: 'of another log' };
      scripted.socket.receive({ op: 'rejected', ...refusal, retryable: false });
      scripted.socket.welcome({ cursor: '10-1000' });
      await expect(renewed).resolves.toMatchObject({ uniqueId: 'u1' });
      expect(scripted.named('rejected')).toEqual([refusal]);
    });

    it('rejects when the token is refused, when the connection is lost and when there is none', async () => {
      const scripted = await ScriptedClient.welcomed();
      const refused = scripted.client.renew('used');
      const second = scripted.client.renew('other');
      scripted.socket.receive({
        op: 'rejected',
        code: 'TOKEN_USED',
        message: 'the token was used already',
        retryable: false,
      });
      await expect(refused).rejects.toMatchObject({ code: 'TOKEN_USED' });
      await expect(second).rejects.toMatchObject({ code: 'DISCONNECTED' });
      const cut = scripted.client.renew('fresh');
      scripted.socket.drop();
      await expect(cut).rejects.toMatchObject({ code: 'DISCONNECTED', retryable: true });
      await expect(scripted.client.renew('fresh')).rejects.toMatchObject({ code: 'DISCONNECTED' });
    });
  });
});
