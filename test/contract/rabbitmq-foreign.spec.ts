import type { Options } from 'amqplib';

import { LogFollower } from '../../src/application/log/log-follower';
import { DONE } from '../../src/domain/routing/redelivery-policy';
import { SystemClock } from '../../src/infrastructure/observability/system-clock';
import { encodeMessages } from '../../src/infrastructure/rabbitmq/message-batch';
import type { RabbitMqBroker } from '../../src/infrastructure/rabbitmq/rabbitmq-broker';
import { BARE_FRAMES } from '../support/bare-frames';
import { eventually } from '../support/eventually';
import { aBody, aQuestion } from '../support/message.builder';
import { RecordingMetrics } from '../support/recording-metrics';
import { freshPrefix, sharedBroker } from '../support/shared-broker';
import { anEntry } from './message-log.contract';
import { silence } from './quiet-logger';
import { connectBroker, Program, settingsFor } from './rabbitmq-fixture';
import { jsonOf, RecordingListener } from './recording-listener';
import { question, ToldHandler } from './upstream.contract';

silence();

const USER = `backend-${String(process.pid)}`;
const HOUR = 3_600_000;
const MiB = 1024 * 1024;

/** What other programs publish, under a user of their own. */
describe('an entry that another program has published', () => {
  let broker: RabbitMqBroker;
  let backend: Program;
  let prefix: string;
  let url: string;
  let listener: RecordingListener;

  beforeAll(async () => {
    url = await sharedBroker().addUser(USER, ['', '.*', '.*']);
  });
  afterAll(async () => {
    await sharedBroker().ctl('delete_user', USER);
  });
  beforeEach(async () => {
    prefix = freshPrefix();
    broker = await connectBroker(settingsFor(sharedBroker().url, prefix));
    backend = await Program.connect(url);
    listener = new RecordingListener();
    await broker.logReader.start(HOUR, listener);
  });
  afterEach(async () => {
    await backend.close();
    await broker.close();
  });

  function publish(content: string | Buffer, options: Options.Publish = {}): void {
    backend.channel.publish(`${prefix}.push`, '', Buffer.from(content), options);
  }

  /** Publishes and waits until all of it was read: the marker comes last. */
  async function read(content: string | Buffer, options?: Options.Publish): Promise<void> {
    publish(content, options);
    publish(JSON.stringify(aBody({ messageId: 'marker' })));
    await eventually(() => {
      expect(listener.ids).toContain('marker');
    });
  }

  /** What clients get, but for its cursor and its id. */
  function text(offset = 0): string {
    const entry = listener.messages.find((one) => one.offset === offset);
    if (entry === undefined) throw new Error(`offset ${String(offset)} is not a message`);
    const follower = aFollower();
    follower.entry(entry);
    const frame = Buffer.from(follower.window.newestFrame).toString();
    return `${frame.slice(0, frame.lastIndexOf(',"cursor":'))}}`;
  }

  function aFollower(metrics = new RecordingMetrics()): LogFollower {
    const limits = { maxAge: HOUR, maxBytes: MiB };
    return new LogFollower(limits, MiB, BARE_FRAMES, new SystemClock(), metrics);
  }

  describe('that is a unified body', () => {
    it('is a message, with the messageId of its body as a service’s', async () => {
      await read(JSON.stringify(aBody({ messageId: 'm1', toUniqueId: 'u9', toClientType: 'APP' })));
      const message = listener.message('m1');
      expect(message.sender).toBeUndefined();
      expect(message.audience).toEqual({ kind: 'unicast', uniqueId: 'u9', clientType: 'APP' });
      expect(jsonOf(message)).not.toHaveProperty('messageId');
    });

    it('takes its messageId from the AMQP properties when the body has none', async () => {
      await read(JSON.stringify(aBody()), { messageId: 'from-properties' });
      expect(listener.ids).toEqual(['from-properties', 'marker']);
    });

    it.each(['x'.repeat(65), 'with "quotes"', 'with space'])(
      'gets a messageId from its offset when that of the properties cannot be one: %s',
      async (messageId) => {
        await read(JSON.stringify(aBody()), { messageId });
        expect(listener.ids).toEqual(['amqp-0', 'marker']);
      },
    );

    it('is delivered although others have used the messageId that it gets from its offset', async () => {
      const metrics = new RecordingMetrics();
      const follower = aFollower(metrics);
      publish(JSON.stringify(aBody({ messageId: 'amqp-2' })));
      publish(JSON.stringify(aBody()), { messageId: 'amqp-3' });
      for (const content of [2, 3]) publish(JSON.stringify(aBody({ content })));
      await read(JSON.stringify(aBody()), { messageId: 'amqp-4' });
      expect(listener.ids).toEqual(['amqp-2', 'amqp-3', 'amqp-2', 'amqp-3', 'amqp-4', 'marker']);
      for (const entry of listener.entries) follower.entry(entry);
      expect(follower.window.count).toBe(6);
      expect(metrics.total('entriesDuplicate')).toBe(0);
    });

    it('passes through byte by byte: spaces, escapes and numbers beyond 2^53 stay', async () => {
      const body = ` {"sendType" : "BROADCAST","messageType":"SERVER_TO_CLIENT", "businessType":"a.b","timestamp":17,
        "content":{"n":12345678901234567890,"f":1.0,"s":"\\u4f60\\u597d","messageId":"inside","timestamp":0}}`;
      await read(`${body} \n\t`);
      expect(text()).toBe(body);
    });

    it('gets the AMQP timestamp at its end when it has none', async () => {
      const body = '{"sendType":"BROADCAST","messageType":"SERVER_TO_CLIENT","businessType":"a"}';
      await read(`${body}\n`, { timestamp: 1_700_000_000 });
      expect(text()).toBe(`${body.slice(0, -1)},"timestamp":1700000000000}`);
      expect(listener.entries[0]?.timestamp).toBe(1_700_000_000_000);
    });

    it('gets the log’s time when there is no AMQP timestamp, and 0 in its cursor', async () => {
      await broker.logWriter.append(anEntry({ messageId: 'own' }));
      await read(JSON.stringify(aBody()));
      const [own, foreign] = listener.messages;
      expect(foreign?.time).toBe(own?.time);
      expect(foreign?.timestamp).toBe(0);
      expect(JSON.parse(text(1))).toMatchObject({ timestamp: own?.time });
    });

    it('gets the log’s time when the AMQP timestamp is no instant', async () => {
      await broker.logWriter.append(anEntry({ messageId: 'own' }));
      await read(JSON.stringify(aBody()), { timestamp: 9_007_199_254_740 });
      expect(JSON.parse(text(1))).toMatchObject({ timestamp: listener.messages[0]?.time });
    });

    it.each([0, null])('gets a timestamp in place of %s', async (timestamp) => {
      await read(JSON.stringify(aBody({ timestamp })), { timestamp: 1_700_000_000 });
      expect(JSON.parse(text())).toMatchObject({ timestamp: 1_700_000_000_000 });
      expect(text().match(/"timestamp"/g)).toHaveLength(1);
    });

    it.each(['"messageId"', '"message\\u0049d"'])(
      'has no messageId in its bytes however the key is written: %s',
      async (key) => {
        const body = JSON.stringify(aBody({ timestamp: 5 })).replace('{', `{${key}:"m1",`);
        await read(body);
        expect(listener.ids).toEqual(['m1', 'marker']);
        expect(jsonOf(listener.message('m1'))).not.toHaveProperty('messageId');
      },
    );

    it('may have 1 MiB with the messageId that is taken out of it, whatever is added', async () => {
      const frame = JSON.stringify(aBody({ messageId: 'm1', content: '' })).length;
      const content = 'x'.repeat(MiB - frame);
      await read(JSON.stringify(aBody({ messageId: 'm1', content })));
      expect(jsonOf(listener.message('m1'))).toMatchObject({ content });
    });

    it('is the same entry for a reader that comes later', async () => {
      await broker.logWriter.append(anEntry({ messageId: 'own' }));
      await read(JSON.stringify(aBody()), { timestamp: 1_700_000_000 });
      const other = await connectBroker(settingsFor(sharedBroker().url, prefix));
      const later = new RecordingListener();
      await other.logReader.start(HOUR, later);
      await eventually(() => {
        expect(later.entries).toHaveLength(listener.entries.length);
      });
      await other.close();
      expect(later.entries).toEqual(listener.entries);
    });
  });

  describe('that is anything else', () => {
    const deep = (n: number): string => '['.repeat(n) + ']'.repeat(n);
    it.each([
      ['not JSON', 'hello', 'BAD_JSON'],
      ['empty', '', 'BAD_JSON'],
      ['an array', '[]', 'BAD_JSON'],
      ['not UTF-8', Buffer.concat([Buffer.from('{"a":"'), Buffer.from([0xff, 0xfe])]), 'BAD_JSON'],
      ['100,000 arrays deep', `{"content":${deep(100_000)}}`, 'TOO_DEEP'],
      [
        'one level too deep',
        JSON.stringify(aBody({ content: 'C' })).replace('"C"', deep(32)),
        'TOO_DEEP',
      ],
      ['an unknown field', JSON.stringify({ ...aBody(), cursor: '9-9' }), 'UNKNOWN_FIELD'],
      ['__proto__', '{"__proto__":{"x":1},"sendType":"BROADCAST"}', 'UNKNOWN_FIELD'],
      ['without a recipient', JSON.stringify(aBody({ toUniqueId: undefined })), 'BAD_FIELD'],
      ['a question to the server', JSON.stringify(aQuestion()), 'BAD_FIELD'],
      ['a reserved type', JSON.stringify(aBody({ businessType: 'wirepost.gap' })), 'BAD_FIELD'],
      [
        'a number beyond the range of a double',
        JSON.stringify(aBody({ content: 'C' })).replace('"C"', '1e400'),
        'BAD_FIELD',
      ],
      ['over 1 MiB', JSON.stringify(aBody({ content: 'x'.repeat(1_048_576) })), 'TOO_LARGE'],
      [
        'over 1 MiB once it is written without its messageId',
        JSON.stringify(aBody({ messageId: 'm1', content: 'C' }))
          .replace('"C"', `[${Array.from({ length: 60_000 }, () => '1e20').join()}]`)
          .replace('"messageId":', '"messageId" :'),
        'TOO_LARGE',
      ],
    ])('is skipped with the reason, and reading goes on: %s', async (_, content, code) => {
      await read(content);
      const [first] = listener.entries;
      expect(first).toMatchObject({ kind: 'invalid', offset: 0 });
      expect(first?.kind === 'invalid' && first.reason).toContain(code);
      expect(listener.isContiguous).toBe(true);
    });
  });

  describe('that pretends to be a node’s', () => {
    const forged = {
      type: 'wirepost.messages',
      messageId: 'forged',
      headers: { 'wp-time': 5, 'wp-from': 'victim' },
    };

    it.each([undefined, USER])(
      'is read by its body and not by its headers, user-id %s',
      async (userId) => {
        const body = JSON.stringify(aBody({ messageId: 'm1', toUniqueId: 'u1', timestamp: 7 }));
        await read(body, { ...forged, ...(userId !== undefined && { userId }) });
        const message = listener.message('m1');
        expect(message.audience.kind).toBe('unicast');
        expect(message.sender).toBeUndefined();
        expect(message.time).not.toBe(5);
      },
    );

    it('is no message when it is written as nodes write theirs', async () => {
      const entry = anEntry({ messageId: 'm1' });
      if (entry.kind !== 'message') throw new Error('not a message');
      await read(encodeMessages([entry], 5), { type: 'wirepost.messages', messageId: '1' });
      expect(listener.entries[0]?.kind).toBe('invalid');
      expect(listener.ids).not.toContain('m1');
    });

    it('is not taken by the broker when it names the node’s user', async () => {
      const closed = new Promise<Error>((resolve) => {
        backend.channel.once('error', resolve);
      });
      publish(JSON.stringify(aBody()), { ...forged, userId: 'guest' });
      expect((await closed).message).toContain('user_id');
      await broker.logWriter.append({ kind: 'probe', id: 'p1' });
      await eventually(() => {
        expect(listener.probes).toEqual(['p1']);
      });
      expect(listener.entries).toHaveLength(1);
    });

    it.each(['wirepost.claims', 'wirepost.probe'])('claims nothing as %s', async (type) => {
      const claim = JSON.stringify([{ key: 't 1', claimant: 'thief' }]);
      await read(claim, { ...forged, type, userId: USER });
      expect(listener.entries[0]?.kind).toBe('invalid');
    });
  });
});

/** Questions that another program puts into the upstream exchange. */
describe('an upstream message that another program has published', () => {
  let broker: RabbitMqBroker;
  let program: Program;
  let prefix: string;
  let handler: ToldHandler;

  beforeEach(async () => {
    prefix = freshPrefix();
    broker = await connectBroker(settingsFor(sharedBroker().url, prefix, { retryDelays: [50] }));
    program = await Program.connect(sharedBroker().url);
    handler = new ToldHandler((n) =>
      n === 1 ? { kind: 'retry', delay: 50, reason: 'busy' } : DONE,
    );
    await broker.queues.consume({ businessType: 'qrcode.refresh', concurrency: 1 }, handler.handle);
  });
  afterEach(async () => {
    await broker.close();
    await program.close();
  });

  function publish(content: string | Buffer, options: Options.Publish = {}): void {
    program.channel.publish(`${prefix}.upstream`, 'qrcode.refresh', Buffer.from(content), options);
  }

  it('is a service’s, whatever its headers say, over retries too', async () => {
    publish(JSON.stringify(aQuestion({ fromUniqueId: 'u1' })), {
      messageId: 'm1',
      type: 'wirepost.upstream',
      appId: 'wirepost client 99 once p',
    });
    await eventually(() => {
      expect(handler.ids).toEqual(['m1', 'm1']);
    });
    expect(handler.got.map(({ attempt }) => attempt)).toEqual([1, 2]);
    for (const { message, publishId } of handler.got) {
      expect(message.origin).toEqual({ kind: 'service' });
      expect(message.body.fromUniqueId).toBe('u1');
      expect(message.repeatable).toBe(true);
      expect(publishId).toBeUndefined();
    }
  });

  it.each([undefined, null, ''])(
    'without an id of its own (%s) cannot be repeated',
    async (messageId) => {
      publish(JSON.stringify(aQuestion({ messageId })));
      await eventually(() => {
        expect(handler.got).toHaveLength(2);
      });
      expect(handler.got[0]?.message.repeatable).toBe(false);
      expect(handler.ids[1]).toBe(handler.ids[0]);
    },
  );

  it.each([
    ['not JSON', 'hello', 'BAD_JSON'],
    ['empty', '', 'BAD_JSON'],
    ['not UTF-8', Buffer.from([0x22, 0xff, 0x22]), 'not UTF-8'],
    ['too deep', `{"content":${'['.repeat(100_000)}`, 'TOO_DEEP'],
    ['an unknown field', JSON.stringify({ ...aQuestion(), admin: true }), 'UNKNOWN_FIELD'],
    ['over 1 MiB', `"${'x'.repeat(1_048_576)}"`, 'TOO_LARGE'],
  ])(
    'that is invalid is dead-lettered as it came, and the next one comes: %s',
    async (_, content, reason) => {
      publish(content, { messageId: 'bad', headers: { 'x-trace': 'abc' } });
      publish(JSON.stringify(aQuestion({ messageId: 'good' })));
      await eventually(() => {
        expect(handler.ids).toEqual(['good', 'good']);
      });
      const [letter] = await program.peek(`${prefix}.dead`);
      expect(letter?.content.equals(Buffer.from(content))).toBe(true);
      expect(letter?.properties.messageId).toBe('bad');
      expect(letter?.properties.headers).toMatchObject({
        'x-trace': 'abc',
        'wp-reason': expect.stringContaining(reason) as string,
        'wp-business-type': 'qrcode.refresh',
        'wp-attempt': 1,
        'wp-queue': `${prefix}.handler.qrcode.refresh`,
      });
    },
  );

  it('that is invalid and has as many headers as can be does not come for ever', async () => {
    publish('hello', { messageId: 'bad', headers: { long: 'x'.repeat(65_400) } });
    publish(JSON.stringify(aQuestion({ messageId: 'good' })));
    await eventually(() => {
      expect(handler.ids).toEqual(['good', 'good']);
    });
    expect(await program.deadLetters(prefix)).toEqual([
      { messageId: 'bad', reason: expect.stringContaining('BAD_JSON') as string, attempt: 1 },
    ]);
  });

  const bad = '~'.repeat(100);
  it.each([
    ['a number below every integer', { score: { '!': 'double', value: -1e300 } }],
    ['a fraction beyond 2^50', { score: { '!': 'double', value: 2 ** 50 + 0.5 } }],
    ['a name that amqplib takes for its own', { a: { '!': 'object', value: { '!': 'text' } } }],
    [
      'a name that is the prototype of what it stands in',
      { a: JSON.parse('{"__proto__":{"b":{"!":"double","value":-1e300}}}') as unknown },
    ],
    ['a name that is no UTF-8', { [bad]: 1 }],
    ['the same within another', { a: [{ [bad]: 1 }] }],
    ['more numbers than fit again', { many: Array.from({ length: 7250 }, () => 1.5) }],
  ])(
    'that is invalid, with headers that cannot be written again, is buried once: %s',
    async (_, headers) => {
      program.writeBadUtf8();
      publish('hello', { messageId: 'bad', headers: { ...headers, 'x-trace': 'abc' } });
      publish(JSON.stringify(aQuestion({ messageId: 'good' })));
      await eventually(() => {
        expect(handler.ids).toEqual(['good', 'good']);
      });
      const [letter, ...more] = await program.peek(`${prefix}.dead`);
      expect(letter?.properties.messageId).toBe('bad');
      expect(letter?.properties.headers).toMatchObject({ 'x-trace': 'abc' });
      expect(more).toEqual([]);
    },
  );

  it('that is invalid, with a message-id that cannot be written again, is buried without it', async () => {
    program.writeBadUtf8();
    publish('hello', { messageId: bad, headers: { 'x-trace': 'abc' } });
    publish(JSON.stringify(aQuestion({ messageId: 'good' })));
    await eventually(() => {
      expect(handler.ids).toEqual(['good', 'good']);
    });
    const [letter, ...more] = await program.peek(`${prefix}.dead`);
    expect(letter?.properties.messageId).toBeUndefined();
    expect(letter?.properties.headers).toMatchObject({ 'x-trace': 'abc' });
    expect(more).toEqual([]);
  });

  it.each([
    ['hello', 'BAD_JSON'],
    [JSON.stringify(aQuestion({ messageId: 'm1' })), 'cannot be written again'],
  ])(
    'whose other properties cannot be written again is buried without them: %s',
    async (content, reason) => {
      program.writeBadUtf8();
      publish(content, {
        type: 'wirepost.upstream',
        userId: 'guest',
        messageId: 'm1',
        appId: `wirepost client 1 once ${bad}`,
        headers: { 'x-trace': 'abc' },
      });
      await eventually(async () => {
        expect(await program.deadLetters(prefix)).toHaveLength(1);
      });
      const [letter] = await program.peek(`${prefix}.dead`);
      expect(letter?.content.toString()).toBe(content);
      expect(letter?.properties.headers).toMatchObject({
        'wp-reason': expect.stringContaining(reason) as string,
        'wp-queue': `${prefix}.handler.qrcode.refresh`,
      });
      expect(letter?.properties.headers).not.toHaveProperty('x-trace');
    },
  );

  it('is its client’s message again when the service’s user publishes a gateway’s dead letter', async () => {
    const businessType = 'report.build';
    const told = new ToldHandler((n) =>
      n === 1 ? { kind: 'reject', reason: 'x'.repeat(100_000) } : DONE,
    );
    await broker.queues.consume({ businessType, concurrency: 1 }, told.handle);
    await broker.upstream.publish(question({ messageId: 'm1', businessType }));
    await eventually(async () => {
      expect(await program.deadLetters(prefix)).toHaveLength(1);
    });
    const [letter] = await program.peek(`${prefix}.dead`);
    if (letter === undefined) throw new Error('there is no dead letter');
    const { type, appId, userId, messageId } = letter.properties as Options.Publish;
    const kept = { type, appId, userId, messageId } as Options.Publish;
    program.channel.publish(`${prefix}.upstream`, businessType, letter.content, kept);
    await eventually(() => {
      expect(told.ids).toEqual(['m1', 'm1']);
    });
    expect(told.got[1]?.message).toEqual(told.got[0]?.message);
  });
});
