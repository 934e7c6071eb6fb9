import type { Json } from '../../src/client';
import { eventually } from '../support/eventually';
import { aBody, aQuestion } from '../support/message.builder';
import { SdkClient } from '../support/sdk-client';
import { onSharedBroker } from '../support/shared-broker';
import { callsOf, TestHandlersModule } from '../support/test-handlers';
import { TestNode } from '../support/test-node';

function upTo(n: number): number[] {
  return Array.from({ length: n }, (_, i) => i);
}

function aQuestionOf(businessType: string, content: Json) {
  return {
    sendType: 'UNICAST',
    messageType: 'CLIENT_TO_SERVER',
    businessType,
    content,
  } as const;
}

describe('the SDK against the service', () => {
  const env = onSharedBroker();
  let one: TestNode;
  let other: TestNode;
  const clients: SdkClient[] = [];
  async function connected(...args: ConstructorParameters<typeof SdkClient>): Promise<SdkClient> {
    const sdk = await SdkClient.connected(...args);
    clients.push(sdk);
    return sdk;
  }
  beforeAll(async () => {
    one = await TestNode.start({ ...env, HEARTBEAT: '2s' }, [TestHandlersModule]);
    other = await TestNode.start(env, [TestHandlersModule]);
  });
  afterEach(() => {
    for (const { client } of clients.splice(0)) client.close();
  });
  afterAll(() => Promise.all([one.stop(), other.stop()]));

  it('gets what was pushed before it connected', async () => {
    const url = await one.url('early');
    await one.push(aBody({ toUniqueId: 'early', content: 'before' }));
    const sdk = await connected(one, 'early', { url: () => url });
    await eventually(() => {
      expect(sdk.contents).toEqual(['before']);
    });
  });

  it('loses nothing and repeats nothing while its connections are cut and moved between nodes', async () => {
    const sdk = await connected(one, 'moving');
    const count = 300;
    const pushing = (async () => {
      for (const content of upTo(count)) {
        await (content % 2 === 0 ? one : other).push(aBody({ toUniqueId: 'moving', content }));
        if (content % 50 === 25) {
          sdk.moveTo(content % 100 === 25 ? other : one);
          if (content === 75) sdk.client.reconnect();
          else sdk.socket?.terminate();
        }
      }
    })();
    await pushing;
    await eventually(
      () => {
        expect(sdk.contents).toEqual(upTo(count));
      },
      { within: 20_000 },
    );
    expect(sdk.named('resumed').length).toBeGreaterThanOrEqual(2);
    expect(sdk.named('gap')).toEqual([]);
    expect(sdk.tokens).toBe(1);
  });

  it('gets a message again whose handler has failed, and in order', async () => {
    const sdk = await connected(one, 'crash');
    const handled: unknown[] = [];
    let crashes = 2;
    sdk.client.on('work', ({ content }) => {
      if (content === 3 && crashes-- > 0) throw new Error('crash');
      handled.push(content);
    });
    for (const content of upTo(6))
      await one.push(aBody({ toUniqueId: 'crash', businessType: 'work', content }));
    await eventually(
      () => {
        expect(handled).toEqual(upTo(6));
      },
      { within: 20_000 },
    );
    expect(sdk.named('error')).toHaveLength(2);
  });

  it('has a message accepted once that it repeats at another node', async () => {
    const sdk = await connected(one, 'sender');
    const sent = upTo(40).map((content) =>
      sdk.client.send({
        ...aQuestionOf('test.silent', content),
        messageId: `sent-${String(content)}`,
      }),
    );
    sdk.moveTo(other);
    sdk.socket?.terminate();
    await Promise.all(sent);
    // What was repeated has come to its queue before these, and would have run before them.
    const after = upTo(40).map((n) => ({
      ...aQuestionOf('test.silent', 40 + n),
      messageId: `sent-${String(40 + n)}`,
    }));
    await Promise.all(after.map((message) => sdk.client.send(message)));
    await eventually(() => {
      const ran = callsOf('test.silent').filter(({ id }) => id.startsWith('sent-'));
      expect(ran.map(({ content }) => content).sort((a, b) => Number(a) - Number(b))).toEqual(
        upTo(80),
      );
    });
  });

  it('gets the reply to a request after the connection has moved to another node', async () => {
    const sdk = await connected(one, 'asking');
    const asked = upTo(10).map((n) => sdk.client.request('test.echo', { n }));
    sdk.moveTo(other);
    sdk.client.reconnect();
    const replies = await Promise.all(asked);
    expect(replies.map(({ content }) => content)).toEqual(upTo(10).map((n) => ({ n })));
    expect(sdk.contents).toEqual([]);
  });

  it('rejects a request that no handler takes, and one that it may not make', async () => {
    const sdk = await connected(one, 'refused', {
      grants: { businessTypes: ['test.*', 'nobody'] },
    });
    await expect(sdk.client.request('nobody', null)).rejects.toMatchObject({ code: 'NO_HANDLER' });
    await expect(sdk.client.request('payment.result', null)).rejects.toMatchObject({
      code: 'FORBIDDEN',
    });
    expect(sdk.named('rejected')).toHaveLength(2);
    expect(sdk.client.state).toBe('connected');
  });

  it('reaches another client', async () => {
    const [from, to] = [
      await connected(one, 'phone', { grants: { clientToClient: true } }),
      await connected(other, 'page'),
    ];
    await from.client.send({
      sendType: 'UNICAST',
      messageType: 'CLIENT_TO_CLIENT',
      businessType: 'result',
      toUniqueId: 'page',
      content: 'from the phone',
    });
    await eventually(() => {
      expect(to.contents).toEqual(['from the phone']);
    });
  });

  it('becomes another user on the same socket', async () => {
    const sdk = await connected(one, 'anonymous');
    await one.push(aBody({ toUniqueId: 'anonymous', content: 'to the page' }));
    const url = await one.url('user');
    await one.push(aBody({ toUniqueId: 'user', content: 'to the user, before' }));
    const before = sdk.socket;
    await expect(sdk.client.renew(url)).resolves.toMatchObject({ uniqueId: 'user' });
    await one.push(aBody({ toUniqueId: 'user', content: 'to the user' }));
    await one.push(aBody({ toUniqueId: 'anonymous', content: 'to nobody' }));
    sdk.moveTo(other);
    sdk.client.reconnect();
    await sdk.becomes('connected');
    await one.push(aBody({ toUniqueId: 'user', content: 'after' }));
    await eventually(() => {
      expect(sdk.contents).toEqual(['to the page', 'to the user, before', 'to the user', 'after']);
    });
    expect(before).not.toBe(sdk.socket);
    await expect(sdk.client.renew(url)).rejects.toMatchObject({ code: 'TOKEN_USED' });
  });

  it('takes a new token when its session is over', async () => {
    const sdk = await connected(one, 'short', { grants: { sessionTtl: 1000 } });
    await eventually(
      () => {
        expect(sdk.tokens).toBeGreaterThanOrEqual(2);
        expect(sdk.client.state).toBe('connected');
      },
      { within: 28_000 },
    );
    expect(sdk.named('disconnected')[0]).toMatchObject({ code: 4401 });
  });

  it('stops for ever when the server says so', async () => {
    const sdk = await connected(one, 'abusive');
    for (let i = 0; i < 10; i += 1) sdk.socket?.send('not JSON');
    await sdk.becomes('closed');
    expect(sdk.named('disconnected')).toEqual([{ code: 4500, reason: 'too many bad frames' }]);
    await expect(sdk.client.send(aQuestionOf('test.echo', null))).rejects.toMatchObject({
      code: 'CLOSED',
    });
  });

  it('keeps its position in a storage', async () => {
    const kept = new Map<string, string>();
    const storage = {
      getItem: (key: string) => kept.get(key) ?? null,
      setItem: (key: string, value: string) => void kept.set(key, value),
      removeItem: (key: string) => void kept.delete(key),
    };
    const before = await connected(one, 'reloading', { storage });
    await one.push(aBody({ toUniqueId: 'reloading', content: 1 }));
    await eventually(() => {
      expect(before.contents).toEqual([1]);
    });
    before.client.close();
    await one.push(aBody({ toUniqueId: 'reloading', content: 2 }));
    const after = await connected(other, 'reloading', { storage });
    await one.push(aBody({ toUniqueId: 'reloading', content: 3 }));
    await eventually(() => {
      expect(after.contents).toEqual([2, 3]);
    });
  });

  it('goes elsewhere when its node restarts, at the time that the node gives it', async () => {
    const third = await TestNode.start(env, [TestHandlersModule]);
    const sdk = await connected(third, 'drained');
    await one.push(aBody({ toUniqueId: 'drained', content: 1 }));
    await eventually(() => {
      expect(sdk.contents).toEqual([1]);
    });
    sdk.moveTo(other);
    const [, pushed] = await Promise.all([
      third.stop(),
      one.push(aBody({ toUniqueId: 'drained', content: 2 })),
    ]);
    expect(pushed.status).toBe(202);
    await eventually(() => {
      expect(sdk.contents).toEqual([1, 2]);
    });
    const [down] = sdk.named('disconnected');
    expect(down).toMatchObject({ code: 1012, reason: 'restarting' });
    expect(down?.retryIn).toBeLessThan(2000);
  });

  it('is told of a gap when the log is another one, and goes on with that', async () => {
    const [before, after] = [await TestNode.start(), await TestNode.start()];
    const sdk = await connected(before, 'left');
    for (const content of upTo(5)) await before.push(aBody({ toUniqueId: 'left', content }));
    await eventually(() => {
      expect(sdk.contents).toEqual(upTo(5));
    });
    sdk.moveTo(after);
    await before.stop();
    await sdk.becomes('connected');
    await eventually(
      async () => {
        await after.push(aBody({ toUniqueId: 'left', content: 'new', messageId: 'once' }));
        expect(sdk.contents.at(-1)).toBe('new');
      },
      { within: 20_000 },
    );
    expect(sdk.named('gap')).toMatchObject([{ reason: 'OTHER_LOG' }]);
    expect(sdk.contents).toEqual([...upTo(5), 'new']);
    sdk.client.close();
    await after.stop();
  });

  it('refuses to send what is not a message of a client', async () => {
    const sdk = await connected(one, 'wrong');
    const sent = sdk.client.send({
      ...aQuestionOf('test.echo', null),
      ...(aQuestion({ businessType: 'not a type' }) as { businessType: string }),
      messageType: 'CLIENT_TO_SERVER',
      sendType: 'UNICAST',
    });
    await expect(sent).rejects.toMatchObject({ code: 'BAD_FIELD' });
  });
});
