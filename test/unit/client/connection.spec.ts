import { connect } from '../../../src/client';
import { ScriptedClient, settled } from './scripted-socket';

const HEARTBEAT = 25_000;

describe('the connection of the SDK', () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });
  afterEach(() => {
    jest.restoreAllMocks();
    jest.useRealTimers();
  });

  it('opens the URL that the callback gives, with the subprotocol', async () => {
    const scripted = new ScriptedClient();
    expect(scripted.client.state).toBe('waiting');
    await settled();
    expect(scripted.client.state).toBe('connecting');
    expect(scripted.socket.url).toBe('wss://host/rt/socket/token1');
    expect(scripted.socket.protocol).toBe('wirepost.v1');
    scripted.socket.welcome();
    expect(scripted.client.state).toBe('connected');
    expect(scripted.client.identity).toMatchObject({ uniqueId: 'u1', clientType: 'H5' });
    expect(scripted.named('connected')).toMatchObject([{ uniqueId: 'u1', resumed: false }]);
  });

  it('reconnects with the reconnect token and the cursor, without asking for a new URL', async () => {
    const scripted = await ScriptedClient.welcomed();
    scripted.socket.deliver(12);
    scripted.socket.drop();
    expect(scripted.client.state).toBe('waiting');
    const socket = await scripted.again();
    expect(socket.url).toBe('wss://host/rt/socket/again?cursor=12-1012');
    expect(scripted.tokens).toBe(1);
    expect(scripted.named('resumed')).toHaveLength(1);
  });

  it.each([
    [0, [500, 500, 500, 500]],
    [1, [1000, 2000, 4000, 8000, 16_000, 20_000, 20_000]],
  ])('waits with full jitter, from half a second up to 20 s (random %d)', async (random, waits) => {
    jest.spyOn(Math, 'random').mockReturnValue(random);
    const scripted = await ScriptedClient.welcomed();
    for (const wait of waits) {
      scripted.socket.drop();
      await jest.advanceTimersByTimeAsync(wait);
    }
    expect(scripted.named('disconnected')).toMatchObject(waits.map((retryIn) => ({ retryIn })));
  });

  it('starts with small waits again after a connection that held', async () => {
    jest.spyOn(Math, 'random').mockReturnValue(1);
    const scripted = await ScriptedClient.welcomed();
    scripted.socket.drop();
    await scripted.again();
    scripted.socket.drop();
    await scripted.again();
    await jest.advanceTimersByTimeAsync(6000);
    scripted.socket.drop();
    expect(scripted.named('disconnected').at(-1)).toMatchObject({ retryIn: 1000 });
  });

  it('waits as long as the server asked for in its bye', async () => {
    const scripted = await ScriptedClient.welcomed();
    scripted.socket.receive({ op: 'bye', code: 1012, reason: 'restarting', retryAfter: 1777 });
    scripted.socket.drop(1012, 'restarting');
    expect(scripted.named('disconnected')).toEqual([
      { code: 1012, reason: 'restarting', retryIn: 1777 },
    ]);
    await jest.advanceTimersByTimeAsync(1776);
    expect(scripted.sockets).toHaveLength(1);
    await jest.advanceTimersByTimeAsync(1);
    expect(scripted.sockets).toHaveLength(2);
  });

  it.each([1001, 1005, 1006, 1009, 1011, 1012, 1013, 1014, 3000, 4000, 4401, 4408, 4499])(
    'reconnects after %d',
    async (code) => {
      const scripted = await ScriptedClient.welcomed();
      scripted.socket.drop(code);
      await scripted.again();
      expect(scripted.client.state).toBe('connected');
    },
  );

  it.each([1000, 1008, 4500, 4700, 4999])('stops for ever after %d', async (code) => {
    const scripted = await ScriptedClient.welcomed();
    const waiting = scripted.client.send(aQuestion());
    scripted.socket.drop(code, 'no more');
    await expect(waiting).rejects.toMatchObject({ code: 'CLOSED' });
    await expect(scripted.client.send(aQuestion())).rejects.toMatchObject({ code: 'CLOSED' });
    expect(scripted.client.state).toBe('closed');
    scripted.client.reconnect();
    await jest.advanceTimersByTimeAsync(600_000);
    expect(scripted.sockets).toHaveLength(1);
    expect(scripted.named('disconnected')).toEqual([{ code, reason: 'no more' }]);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('takes a new token when the session is over', async () => {
    const scripted = await ScriptedClient.welcomed();
    scripted.socket.deliver(12);
    scripted.socket.drop(4401);
    const socket = await scripted.again();
    expect(socket.url).toBe('wss://host/rt/socket/token2?cursor=12-1012');
  });

  it('starts where its first token was issued, although an error page came in place of a URL', async () => {
    const urls = ['12-1012', '15-1015'].map((cu) => {
      const payload = Buffer.from(JSON.stringify({ cu })).toString('base64url');
      return `wss://host/socket/head.${payload}.signature`;
    });
    const left = ['<html>502</html>', ...urls];
    const scripted = new ScriptedClient({ url: () => left.shift() ?? '' });
    await settled();
    expect(scripted.sockets).toEqual([]);
    for (const url of [urls[0], `${urls[1] ?? ''}?cursor=12-1012`]) {
      scripted.client.reconnect();
      await settled();
      expect(scripted.socket.url).toBe(url);
      scripted.socket.drop();
    }
  });

  it('starts where its first token was issued, although a later one is welcomed first', async () => {
    const positions = ['12.003-1012', '15-1015', '17-1017'];
    const urls = positions.map((cu) => {
      const payload = Buffer.from(JSON.stringify({ sub: 'zoë?>', cu })).toString('base64url');
      return `wss://host/socket/head.${payload}.signature`;
    });
    const left = [...urls];
    const scripted = new ScriptedClient({ url: () => left.shift() ?? '' });
    await settled();
    expect(scripted.socket.url).toBe(urls[0]);
    scripted.socket.drop();
    const socket = await scripted.again();
    expect(socket.url).toBe(`${urls[1] ?? ''}?cursor=12.003-1012`);
    socket.deliver(13);
    socket.drop(4401);
    expect((await scripted.again()).url).toBe(`${urls[2] ?? ''}?cursor=13-1013`);
  });

  it('takes a new token each third time that it is not welcomed, and goes back to the reconnect token', async () => {
    const scripted = await ScriptedClient.welcomed();
    const urls: string[] = [];
    scripted.socket.drop();
    for (let i = 0; i < 6; i += 1) {
      scripted.client.reconnect();
      await settled();
      urls.push(scripted.socket.url);
      scripted.socket.drop();
    }
    expect(urls.map((url) => url.replace(/.*socket\/|\?.*/g, ''))).toEqual([
      'again',
      'again',
      'token2',
      'again',
      'again',
      'token3',
    ]);
  });

  it('tells of a URL that cannot be had and tries again after its retryAfter', async () => {
    const refusals = [Object.assign(new Error('backend down'), { retryAfter: 3000 })];
    const scripted = new ScriptedClient({
      url: () => {
        const refusal = refusals.pop();
        return refusal === undefined ? 'wss://host/socket/t' : Promise.reject(refusal);
      },
    });
    await settled();
    expect(scripted.named('error')).toMatchObject([{ error: { message: 'backend down' } }]);
    expect(scripted.named('disconnected')).toMatchObject([{ retryIn: 3000 }]);
    await jest.advanceTimersByTimeAsync(3000);
    expect(scripted.sockets).toHaveLength(1);
  });

  it('says nothing of a URL that fails after the client was closed', async () => {
    let fail: (error: Error) => void = () => undefined;
    const scripted = new ScriptedClient({
      url: () => new Promise<string>((_, reject) => (fail = reject)),
    });
    await settled();
    scripted.client.close();
    fail(new Error('aborted'));
    await settled();
    expect(scripted.named('error')).toEqual([]);
  });

  it.each([2 ** 31, Infinity])(
    'calls `url` no more for weeks after a retryAfter of %d',
    async (retryAfter) => {
      let calls = 0;
      const scripted = new ScriptedClient({
        url: () => {
          calls += 1;
          return Promise.reject(Object.assign(new Error('429'), { retryAfter }));
        },
      });
      await jest.advanceTimersByTimeAsync(86_400_000);
      expect(calls).toBe(1);
      scripted.client.close();
    },
  );

  it.each<[string, unknown]>([
    ['an error page', '<!doctype html><a href="/login">log in</a>'],
    ['nothing', undefined],
    ['an empty text', ''],
    ['the whole answer', { data: 'wss://host/socket/t' }],
    ['the address of a page', 'https://host/socket/t'],
  ])('says so when `url` gives %s, and tries again', async (_what, given) => {
    const answers = [given, 'wss://host/socket/t'];
    const scripted = new ScriptedClient({ url: () => answers.shift() as string });
    await settled();
    expect(scripted.sockets).toEqual([]);
    expect(scripted.named('error')).toMatchObject([
      { error: { message: '`url` gave no URL that begins with ws: or wss:' } },
    ]);
    await scripted.again();
    expect(scripted.socket.url).toBe('wss://host/socket/t');
  });

  it('goes back with its reconnect token to where it was, whatever came in place of a URL meanwhile', async () => {
    const answers = ['wss://host/socket/t', '<a href="/login">log in</a>'];
    const scripted = await ScriptedClient.welcomed({ url: () => answers.shift() ?? '' });
    for (let i = 0; i < 2; i += 1) {
      scripted.socket.drop();
      scripted.client.reconnect();
      await settled();
    }
    scripted.socket.drop();
    scripted.client.reconnect();
    await settled();
    expect(scripted.named('error')).toHaveLength(1);
    scripted.client.reconnect();
    await settled();
    expect(scripted.socket.url).toBe('wss://host/socket/again?cursor=10-1000');
  });

  it('waits half a minute for a URL', async () => {
    const late = (ms: number): Promise<string> =>
      new Promise((resolve) => setTimeout(resolve, ms, 'wss://host/socket/late'));
    const delays = [31_000, 29_000];
    const scripted = new ScriptedClient({ url: () => late(delays.shift() ?? 0) });
    await jest.advanceTimersByTimeAsync(29_999);
    expect(scripted.client.state).toBe('connecting');
    await jest.advanceTimersByTimeAsync(1);
    expect(scripted.named('disconnected')).toMatchObject([{ reason: 'no welcome' }]);
    await jest.advanceTimersByTimeAsync(1000 + 29_000);
    expect(scripted.sockets).toHaveLength(1);
    // The opening has all of its own time, however late the URL came.
    await jest.advanceTimersByTimeAsync(8900);
    expect(scripted.client.state).toBe('connecting');
    await jest.advanceTimersByTimeAsync(1100);
    expect(scripted.socket.closedWith).toBe(1000);
  });

  it('does not go by a URL that came after it was given up', async () => {
    const answers: ((url: string) => void)[] = [];
    const scripted = new ScriptedClient({
      url: () => new Promise<string>((resolve) => answers.push(resolve)),
    });
    await settled();
    scripted.client.reconnect();
    await settled();
    answers[1]?.('wss://new/socket/t');
    await settled();
    scripted.socket.welcome();
    answers[0]?.('wss://old/socket/t');
    await settled();
    expect(scripted.sockets).toHaveLength(1);
    scripted.socket.drop();
    expect((await scripted.again()).url).toBe('wss://new/socket/again?cursor=10-1000');
  });

  it('stays closed when it is closed as it tells that no socket can be opened', async () => {
    let opened = 0;
    const scripted = new ScriptedClient({
      socket: () => {
        opened += 1;
        throw new SyntaxError('not a URL');
      },
    });
    scripted.client.listen('error', () => {
      scripted.client.close();
    });
    await jest.advanceTimersByTimeAsync(60_000);
    expect(scripted.client.state).toBe('closed');
    expect(opened).toBe(1);
    expect(scripted.named('disconnected')).toEqual([{ code: 1000, reason: 'closed' }]);
  });

  it('takes a socket for lost that fails and never fires onclose, as where a page may not connect', async () => {
    const scripted = new ScriptedClient();
    await settled();
    scripted.socket.readyState = 3;
    scripted.socket.onerror?.({} as never);
    expect(scripted.named('disconnected')).toMatchObject([{ code: 1006 }]);
    await scripted.again();
  });

  it('goes by the close that follows the error of a socket that was welcomed', async () => {
    const scripted = await ScriptedClient.welcomed();
    scripted.socket.readyState = 3;
    scripted.socket.onerror?.({} as never);
    scripted.socket.drop(4501);
    expect(scripted.client.state).toBe('closed');
  });

  it('tells each listener once for each time that it listens', async () => {
    const scripted = new ScriptedClient();
    let heard = 0;
    const listener = (): void => {
      heard += 1;
    };
    const off = scripted.client.listen('connected', listener);
    scripted.client.listen('connected', listener);
    off();
    off();
    await settled();
    scripted.socket.welcome();
    expect(heard).toBe(1);
  });

  it('gives up an opening that is not welcomed within ten seconds', async () => {
    const scripted = new ScriptedClient();
    await settled();
    await jest.advanceTimersByTimeAsync(10_000);
    expect(scripted.socket.closedWith).toBe(1000);
    expect(scripted.client.state).toBe('waiting');
  });

  it('pings once a heartbeat and stays while it hears something', async () => {
    const scripted = await ScriptedClient.welcomed();
    for (let beat = 1; beat <= 10; beat += 1) {
      await jest.advanceTimersByTimeAsync(HEARTBEAT);
      expect(scripted.socket.ops('ping')).toHaveLength(beat);
      await jest.advanceTimersByTimeAsync(10);
      scripted.socket.receive({ op: 'pong', cursor: '10-1000' });
    }
    expect(scripted.sockets).toHaveLength(1);
  });

  it('leaves a silent socket that never fires onclose, and never listens to it again', async () => {
    const scripted = await ScriptedClient.welcomed();
    const silent = scripted.socket;
    await jest.advanceTimersByTimeAsync(2 * HEARTBEAT);
    expect(scripted.named('disconnected')).toMatchObject([{ reason: 'no sign of life' }]);
    const seen: unknown[] = [];
    scripted.client.on('*', ({ content }) => seen.push(content));
    await jest.advanceTimersByTimeAsync(1000);
    scripted.socket.welcome();
    silent.deliver(11);
    silent.drop(4500);
    scripted.socket.deliver(12);
    expect(seen).toEqual([12]);
    expect(scripted.client.state).toBe('connected');
  });

  it('stays on a sound socket after the clock was set back', async () => {
    const scripted = await ScriptedClient.welcomed();
    await jest.advanceTimersByTimeAsync(HEARTBEAT);
    jest.setSystemTime(Date.now() - 3_600_000);
    for (let beat = 0; beat < 5; beat += 1) {
      scripted.socket.receive({ op: 'pong', cursor: '10-1000' });
      await jest.advanceTimersByTimeAsync(HEARTBEAT);
    }
    expect(scripted.named('disconnected')).toEqual([]);
    expect(scripted.socket.ops('ping')).toHaveLength(6);
  });

  it('cannot be renewed once it has ended', async () => {
    const scripted = await ScriptedClient.welcomed();
    const pending = scripted.client.renew('t');
    scripted.client.close();
    for (const renewal of [pending, scripted.client.renew('t')])
      await expect(renewal).rejects.toMatchObject({ code: 'CLOSED', retryable: false });
  });

  describe('on a page', () => {
    const page = new EventTarget();
    const document = Object.assign(new EventTarget(), { visibilityState: 'visible' });
    beforeEach(() => {
      Object.assign(globalThis, {
        addEventListener: page.addEventListener.bind(page),
        removeEventListener: page.removeEventListener.bind(page),
        document,
      });
    });
    afterEach(() => {
      for (const name of ['addEventListener', 'removeEventListener', 'document'])
        Reflect.deleteProperty(globalThis, name);
    });

    const returns: [string, () => void][] = [
      ['online', () => page.dispatchEvent(new Event('online'))],
      ['pageshow', () => page.dispatchEvent(new Event('pageshow'))],
      ['visibilitychange', () => document.dispatchEvent(new Event('visibilitychange'))],
    ];

    it.each(returns)('reconnects at once on %s', async (_name, happen) => {
      const scripted = await ScriptedClient.welcomed();
      scripted.socket.drop();
      happen();
      await settled();
      expect(scripted.sockets).toHaveLength(2);
      scripted.client.close();
    });

    it.each(returns)(
      'uses its reconnect token on %s, however many attempts failed before',
      async (_name, happen) => {
        const scripted = await ScriptedClient.welcomed();
        scripted.socket.drop();
        for (let i = 0; i < 2; i += 1) {
          scripted.client.reconnect();
          await settled();
          scripted.socket.drop();
        }
        happen();
        await settled();
        expect(scripted.sockets).toHaveLength(4);
        expect(scripted.socket.url).toContain('/socket/again');
        scripted.client.close();
      },
    );

    it.each(returns)(
      'waits little again on %s, however long it was away',
      async (_name, happen) => {
        jest.spyOn(Math, 'random').mockReturnValue(1);
        const scripted = await ScriptedClient.welcomed();
        for (let i = 0; i < 6; i += 1) {
          scripted.socket.drop();
          scripted.client.reconnect();
          await settled();
        }
        happen();
        scripted.socket.drop(1013);
        expect(scripted.named('disconnected').at(-1)).toMatchObject({ retryIn: 1000 });
        scripted.client.close();
      },
    );

    it.each(returns)('leaves a socket that died unseen within 5 s of %s', async (_name, happen) => {
      const scripted = await ScriptedClient.welcomed();
      await jest.advanceTimersByTimeAsync(1000);
      happen();
      expect(scripted.socket.ops('ping')).toHaveLength(1);
      await jest.advanceTimersByTimeAsync(5000);
      expect(scripted.client.state).toBe('waiting');
      scripted.client.close();
    });

    it('asks for a URL anew when the network comes back, and only then', async () => {
      let calls = 0;
      const scripted = new ScriptedClient({
        url: () => {
          calls += 1;
          return calls === 1 ? new Promise(() => undefined) : 'wss://host/socket/t';
        },
      });
      await settled();
      for (const [, happen] of returns.slice(1)) happen();
      await settled();
      expect(calls).toBe(1);
      returns[0]?.[1]();
      await settled();
      expect(scripted.socket.url).toBe('wss://host/socket/t');
      scripted.client.close();
    });

    it('acknowledges what was handled when the page goes', async () => {
      const scripted = await ScriptedClient.welcomed();
      scripted.socket.deliver(11);
      page.dispatchEvent(new Event('pagehide'));
      expect(scripted.socket.ops('ack')).toEqual([{ op: 'ack', cursor: '11-1011' }]);
      scripted.client.close();
    });

    it('lets go of the page when it is closed', async () => {
      const scripted = await ScriptedClient.welcomed();
      scripted.client.close();
      for (const [, happen] of returns) happen();
      await jest.advanceTimersByTimeAsync(60_000);
      expect(scripted.sockets).toHaveLength(1);
    });
  });

  it('says what is missing where there is no WebSocket', async () => {
    const present = Object.getOwnPropertyDescriptor(globalThis, 'WebSocket');
    Reflect.deleteProperty(globalThis, 'WebSocket');
    const errors: unknown[] = [];
    const client = connect({ url: () => 'wss://host/socket/t' });
    client.listen('error', ({ error }) => errors.push(error));
    await settled();
    client.close();
    if (present !== undefined) Object.defineProperty(globalThis, 'WebSocket', present);
    expect(errors).toMatchObject([
      { message: 'no global WebSocket: give connect() the option `socket`' },
    ]);
  });
});

function aQuestion() {
  return {
    sendType: 'UNICAST',
    messageType: 'CLIENT_TO_SERVER',
    businessType: 'ask',
    content: null,
  } as const;
}
