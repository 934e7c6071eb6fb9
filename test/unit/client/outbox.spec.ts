import { type Sendable } from '../../../src/client';
import { ScriptedClient, settled } from './scripted-socket';

const question: Sendable = {
  sendType: 'UNICAST',
  messageType: 'CLIENT_TO_SERVER',
  businessType: 'ask',
  content: { n: 1 },
};

describe('what the application sends', () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  it('resolves when the server has accepted it', async () => {
    const scripted = await ScriptedClient.welcomed();
    const sent = scripted.client.send(question);
    const [body] = scripted.socket.bodies;
    expect(body).toEqual({
      ...question,
      messageId: expect.stringMatching(/^[0-9a-f]{32}$/) as string,
    });
    scripted.socket.receive({ op: 'accepted', messageId: body?.['messageId'] });
    await expect(sent).resolves.toEqual({ messageId: body?.['messageId'] });
  });

  it('waits for a connection, and keeps its id and its order over connections until it is accepted', async () => {
    const scripted = new ScriptedClient();
    const sent = ['a', 'b', 'c'].map((messageId) =>
      scripted.client.send({ ...question, messageId }),
    );
    await settled();
    const ids = (): unknown[] => scripted.socket.bodies.map((body) => body['messageId']);
    expect(ids()).toEqual([]);
    scripted.socket.welcome();
    expect(ids()).toEqual(['a', 'b', 'c']);
    scripted.socket.receive({ op: 'accepted', messageId: 'b' });
    scripted.socket.drop();
    await scripted.again();
    expect(ids()).toEqual(['a', 'c']);
    for (const messageId of ['a', 'c']) scripted.socket.receive({ op: 'accepted', messageId });
    await expect(Promise.all(sent)).resolves.toHaveLength(3);
    scripted.socket.drop();
    await scripted.again();
    expect(ids()).toEqual([]);
  });

  it('gets an id of its own in place of an empty one', async () => {
    const scripted = await ScriptedClient.welcomed();
    const sent = scripted.client.send({ ...question, messageId: '' });
    const messageId = scripted.socket.bodies[0]?.['messageId'];
    scripted.socket.receive({ op: 'accepted', messageId });
    await expect(sent).resolves.toEqual({ messageId: expect.stringMatching(/^.{32}$/) as string });
  });

  it('is found again by its id, also when that is a number', async () => {
    const scripted = await ScriptedClient.welcomed();
    const sent = scripted.client.send({ ...question, messageId: 5 as unknown as string });
    expect(scripted.socket.bodies).toMatchObject([{ messageId: '5' }]);
    scripted.socket.receive({ op: 'accepted', messageId: '5' });
    await expect(sent).resolves.toEqual({ messageId: '5' });
  });

  describe('as one user', () => {
    const asAnother = { uniqueId: 'u2' };

    it('is not sent again as another one, who has come by a new connection', async () => {
      const scripted = await ScriptedClient.welcomed();
      const sent = scripted.client.send({ ...question, messageId: 'a' });
      scripted.socket.drop();
      scripted.client.send({ ...question, messageId: 'b' }).catch(() => undefined);
      scripted.client.reconnect();
      await settled();
      scripted.socket.welcome(asAnother);
      await expect(sent).rejects.toMatchObject({ code: 'UNKNOWN_OUTCOME' });
      expect(scripted.socket.bodies.map((body) => body['messageId'])).toEqual(['b']);
    });

    it('is not repeated after a renewal as another one, and accepted all the same', async () => {
      const scripted = await ScriptedClient.welcomed();
      const [taken, refused] = ['a', 'b'].map((messageId) =>
        scripted.client.send({ ...question, messageId }),
      );
      const renewed = scripted.client.renew('t');
      scripted.socket.welcome(asAnother);
      await renewed;
      scripted.socket.receive({ op: 'accepted', messageId: 'a' });
      const refusal = { op: 'rejected', messageId: 'b', code: 'UNAVAILABLE', message: 'later' };
      scripted.socket.receive({ ...refusal, retryable: true });
      const outcome = expect(refused).rejects.toMatchObject({ code: 'UNKNOWN_OUTCOME' });
      await jest.advanceTimersByTimeAsync(1000);
      await outcome;
      await expect(taken).resolves.toEqual({ messageId: 'a' });
      expect(scripted.socket.bodies).toHaveLength(2);
    });
  });

  it('rejects for good what the server refuses', async () => {
    const scripted = await ScriptedClient.welcomed();
    const sent = scripted.client.send({ ...question, messageId: 'a' });
    const refusal = { messageId: 'a', code: 'NO_HANDLER', message: 'no handler' };
    scripted.socket.receive({ op: 'rejected', ...refusal, retryable: false });
    await expect(sent).rejects.toMatchObject({
      name: 'WirepostError',
      code: 'NO_HANDLER',
      retryable: false,
    });
    expect(scripted.named('rejected')).toEqual([refusal]);
  });

  it('repeats what the server could not take now, later and with the same id', async () => {
    const scripted = await ScriptedClient.welcomed();
    const sent = scripted.client.send({ ...question, messageId: 'a' });
    for (let attempt = 1; attempt <= 3; attempt += 1) {
      expect(scripted.socket.bodies).toHaveLength(attempt);
      scripted.socket.receive({
        op: 'rejected',
        messageId: 'a',
        code: 'UNAVAILABLE',
        message: 'later',
        retryable: true,
      });
      expect(scripted.socket.bodies).toHaveLength(attempt);
      await jest.advanceTimersByTimeAsync(500 * 2 ** attempt);
    }
    expect(scripted.socket.bodies.map((body) => body['messageId'])).toEqual(['a', 'a', 'a', 'a']);
    expect(scripted.named('rejected')).toEqual([]);
    scripted.socket.receive({ op: 'accepted', messageId: 'a' });
    await expect(sent).resolves.toEqual({ messageId: 'a' });
  });

  it('is refused when the queue is full, or when its id is on its way already', async () => {
    const scripted = new ScriptedClient({ queueLimit: 2 });
    await settled();
    const first = scripted.client.send({ ...question, messageId: 'a' });
    await expect(scripted.client.send({ ...question, messageId: 'a' })).rejects.toMatchObject({
      code: 'BAD_FIELD',
    });
    const second = scripted.client.send(question);
    await expect(scripted.client.send(question)).rejects.toMatchObject({
      code: 'QUEUE_FULL',
      message: '2 messages wait',
      retryable: true,
    });
    scripted.client.close();
    await expect(first).rejects.toMatchObject({ code: 'CLOSED' });
    await expect(second).rejects.toMatchObject({ code: 'CLOSED' });
  });

  it('is refused when it is larger than the server takes, which would end the connection', async () => {
    const scripted = await ScriptedClient.welcomed();
    const sent = scripted.client.send({ ...question, content: '€'.repeat(30_000) });
    await expect(sent).rejects.toMatchObject({ code: 'TOO_LARGE', retryable: false });
    expect(scripted.socket.bodies).toEqual([]);
  });

  it('is not repeated when nobody could tell any more that it is a repetition', async () => {
    const scripted = await ScriptedClient.welcomed();
    const sent = scripted.client.send({ ...question, messageId: 'a' });
    const outcome = expect(sent).rejects.toMatchObject({ code: 'UNKNOWN_OUTCOME' });
    scripted.socket.drop();
    await jest.advanceTimersByTimeAsync(450_000);
    await scripted.again();
    await outcome;
    expect(scripted.socket.bodies).toEqual([]);
  });

  describe('as a request', () => {
    it('resolves with the reply, which no handler sees', async () => {
      const scripted = await ScriptedClient.welcomed();
      const seen: unknown[] = [];
      scripted.client.on('*', ({ content }) => seen.push(content));
      const asked = scripted.client.request('ask', { n: 1 });
      const id = scripted.socket.bodies[0]?.['messageId'];
      scripted.socket.receive({ op: 'accepted', messageId: id });
      scripted.socket.deliver(11, { correlationId: id, content: 'yes' });
      await expect(asked).resolves.toMatchObject({ content: 'yes' });
      expect(seen).toEqual([]);
      expect(scripted.client.cursor).toBe('11-1011');
    });

    it('gets its reply at another node, after the connection has moved', async () => {
      const scripted = await ScriptedClient.welcomed();
      const asked = scripted.client.request('ask', null);
      const id = scripted.socket.bodies[0]?.['messageId'];
      scripted.socket.drop();
      const socket = await scripted.again();
      expect(socket.bodies[0]?.['messageId']).toBe(id);
      socket.deliver(11, { correlationId: id, content: 'yes' });
      await expect(asked).resolves.toMatchObject({ content: 'yes' });
    });

    it('gets its reply while a handler waits for it', async () => {
      const scripted = await ScriptedClient.welcomed();
      const answers: unknown[] = [];
      scripted.client.on('news', async () => {
        answers.push((await scripted.client.request('ask', null)).content);
      });
      scripted.socket.deliver(11);
      scripted.socket.deliver(12, {
        correlationId: scripted.socket.bodies[0]?.['messageId'],
        content: 'yes',
      });
      await settled();
      expect(answers).toEqual(['yes']);
      expect(scripted.client.cursor).toBe('12-1012');
    });

    it('leaves the replies to another tab alone', async () => {
      const [one, other] = [await ScriptedClient.welcomed(), await ScriptedClient.welcomed()];
      const seen: unknown[] = [];
      other.client.on('*', ({ content }) => seen.push(content));
      const asked = one.client.request('ask', null);
      const correlationId = one.socket.bodies[0]?.['messageId'];
      for (const { socket } of [one, other]) {
        socket.deliver(11, { correlationId, content: 'yes' });
        socket.deliver(12, { correlationId: 'of-a-send', content: 'for both' });
      }
      await expect(asked).resolves.toMatchObject({ content: 'yes' });
      expect(seen).toEqual(['for both']);
    });

    it('rejects when no reply comes in time, and is not sent any more', async () => {
      const scripted = await ScriptedClient.welcomed();
      const asked = scripted.client.request('ask', null, { timeout: 2000 });
      const outcome = expect(asked).rejects.toMatchObject({
        code: 'TIMEOUT',
        message: 'no reply to ask within 2000 ms',
      });
      await jest.advanceTimersByTimeAsync(2000);
      await outcome;
      scripted.socket.drop();
      await scripted.again();
      expect(scripted.socket.bodies).toEqual([]);
    });

    it('waits for its reply as long as it is told to, also for ever', async () => {
      const scripted = await ScriptedClient.welcomed();
      const asked = scripted.client.request('ask', null, { timeout: Infinity });
      await jest.advanceTimersByTimeAsync(20_000);
      const correlationId = scripted.socket.bodies[0]?.['messageId'];
      scripted.socket.deliver(11, { correlationId, content: 'yes' });
      await expect(asked).resolves.toMatchObject({ content: 'yes' });
    });

    it('rejects when it is refused and when the client is closed', async () => {
      const scripted = await ScriptedClient.welcomed();
      const refused = scripted.client.request('ask', null);
      scripted.socket.receive({
        op: 'rejected',
        messageId: scripted.socket.bodies[0]?.['messageId'],
        code: 'FORBIDDEN',
        message: 'no',
        retryable: false,
      });
      await expect(refused).rejects.toMatchObject({ code: 'FORBIDDEN' });
      const accepted = scripted.client.request('ask', null);
      scripted.socket.receive({
        op: 'accepted',
        messageId: scripted.socket.bodies[1]?.['messageId'],
      });
      const outcome = expect(accepted).rejects.toMatchObject({ code: 'CLOSED' });
      await settled();
      scripted.client.close();
      await outcome;
      expect(jest.getTimerCount()).toBe(0);
    });
  });
});
