import specs from '@asyncapi/specs';
import Ajv from 'ajv';
import amqp from 'amqplib';

import { CloseCode } from '../../src/protocol/close-codes';
import { ERRORS } from '../../src/protocol/codes';
import type { ClientFrame, ServerFrame } from '../../src/protocol/frames';
import { eventually } from '../support/eventually';
import { aBody, aQuestion } from '../support/message.builder';
import { onSharedBroker, sharedBroker } from '../support/shared-broker';
import { TestClient, welcomed } from '../support/test-client';
import { TestHandlersModule } from '../support/test-handlers';
import { TestNode } from '../support/test-node';
import { tokenOf } from '../support/token-of';

interface Reference {
  readonly $ref: string;
}

interface AsyncApi {
  readonly asyncapi: string;
  readonly servers: Record<string, Record<string, unknown>>;
  readonly channels: Record<
    'socket' | 'push' | 'upstream',
    {
      readonly address: string;
      readonly messages: Record<string, { readonly payload: Reference }>;
      readonly bindings: {
        readonly amqp: { readonly exchange: { readonly name: string; readonly type: string } };
      };
      readonly 'x-errors': unknown;
      readonly 'x-close-codes': readonly Record<string, unknown>[];
    }
  >;
  readonly operations: Record<
    'deliver' | 'hear' | 'takePush' | 'passUpstream',
    { readonly action: string; readonly messages: readonly Reference[] }
  >;
}

// A record, so that the compiler misses an op that is not in it.
const SERVER_OPS: Record<ServerFrame['op'], true> = {
  welcome: true,
  accepted: true,
  rejected: true,
  gap: true,
  pong: true,
  bye: true,
};
const CLIENT_OPS: Record<ClientFrame['op'], true> = { ack: true, ping: true, renew: true };

/** As anybody gets it: without a key. */
async function documentOf(node: TestNode): Promise<AsyncApi> {
  const response = await fetch(`${node.base}/docs/asyncapi`);
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toMatch(/^application\/json/);
  return (await response.json()) as AsyncApi;
}

/** Names of an operation's messages whose schema a frame fits. */
function matcher(
  document: AsyncApi,
): (operation: keyof AsyncApi['operations'], f: unknown) => string[] {
  const ajv = new Ajv({ strict: false });
  ajv.addSchema({ $id: 'asyncapi', ...document });
  const at = (pointer: string): unknown =>
    pointer
      .slice(2)
      .split('/')
      .reduce<unknown>((value, key) => (value as Record<string, unknown>)[key], document);
  return (operation, frame) =>
    document.operations[operation].messages
      .filter(({ $ref }) => {
        const { payload } = at($ref) as { payload: Reference };
        return ajv.validate({ $ref: `asyncapi${payload.$ref}` }, frame);
      })
      .map(({ $ref }) => $ref.slice($ref.lastIndexOf('/') + 1));
}

describe('the AsyncAPI description', () => {
  let node: TestNode;
  let document: AsyncApi;
  beforeAll(async () => {
    node = await TestNode.start({}, [TestHandlersModule]);
    document = await documentOf(node);
  });
  afterAll(() => node.stop());

  it('is valid by the specification, version 3.0.0', () => {
    // The specification's schema brings its own draft-07.
    const ajv = new Ajv({
      strict: false,
      meta: false,
      validateSchema: false,
      validateFormats: false,
    });
    const isValid = ajv.compile(specs.schemas['3.0.0'] as object);
    isValid(document);
    expect(isValid.errors).toBeNull();
    // The schema is one that refuses: not any object is valid by it.
    expect(isValid({ ...document, operations: { hear: { action: 'listen' } } })).toBe(false);
    const references = JSON.stringify(document).match(/#\/[\w/-]+/g) ?? [];
    expect(references.length).toBeGreaterThan(20);
    const ids = new Ajv({ strict: false }).addSchema({ $id: 'asyncapi', ...document });
    for (const one of references)
      expect([one, ids.getSchema(`asyncapi${one}`)]).not.toContain(undefined);
  });

  it('names every op, every error and every close code with what clients do about it', () => {
    const { deliver, hear } = document.operations;
    const names = (messages: readonly Reference[]): (string | undefined)[] =>
      messages.map(({ $ref }) => $ref.split('/').at(-1)).sort();
    expect(deliver.action).toBe('send');
    expect(names(deliver.messages)).toEqual([...Object.keys(SERVER_OPS), 'delivered'].sort());
    expect(hear.action).toBe('receive');
    expect(names(hear.messages)).toEqual([...Object.keys(CLIENT_OPS), 'body'].sort());
    const { socket } = document.channels;
    expect(socket.address).toBe('/socket/{token}');
    expect(socket['x-errors']).toEqual(ERRORS);
    const codes = socket['x-close-codes'];
    expect(codes.map(({ code }) => code)).toEqual(Object.values(CloseCode));
    expect(codes).toContainEqual({
      code: 4401,
      name: 'TOKEN',
      reconnect: true,
      errors: ['TOKEN_EXPIRED', 'TOKEN_USED', 'OTHER_PARTITION'],
    });
  });

  it('describes every frame of a session, each by one schema', async () => {
    const other = await TestNode.start({}, [TestHandlersModule]);
    const fits = matcher(await documentOf(other));
    const sent: unknown[] = [];
    // Of a log that is gone: a gap.
    const client = await welcomed(
      TestClient.connect(await other.url('described'), { cursor: '7-1795522395638' }),
    );
    const send = (frame: unknown): void => {
      sent.push(frame);
      client.send(frame);
    };
    const pushed = aBody({ toUniqueId: 'described', content: [null, { a: 1 }], ttl: 60_000 });
    await other.push(pushed);
    send({ op: 'ping' });
    send(aQuestion({ businessType: 'test.echo', messageId: 'm1', content: 'an echo' }));
    client.send(aQuestion({ businessType: 'nobody.there', messageId: 'm2' }));
    client.send('no JSON');
    await eventually(() => {
      expect(client.contents).toHaveLength(2);
      expect(client.ops('rejected')).toHaveLength(2);
    });
    send({ op: 'ack', cursor: client.cursor });
    send({ op: 'renew', token: tokenOf(await other.url('described-2')) });
    await eventually(() => {
      expect(client.ops('welcome')).toHaveLength(2);
    });
    await other.stop();
    await eventually(() => {
      expect(client.closed).toBeDefined();
    });
    const kinds = client.frames.map((frame) => frame['op'] ?? 'delivered');
    expect(new Set(kinds)).toEqual(new Set([...Object.keys(SERVER_OPS), 'delivered']));
    expect(client.frames.map((frame) => fits('deliver', frame))).toEqual(kinds.map((op) => [op]));
    expect(sent.map((frame) => fits('hear', frame))).toEqual([
      ['ping'],
      ['body'],
      ['ack'],
      ['renew'],
    ]);
    expect(fits('takePush', pushed)).toEqual(['body']);
  });

  it('describes no frame that lacks a field, has another or one of another type', () => {
    const fits = matcher(document);
    const gap = { op: 'gap', from: '0-0', to: '7-1', reason: 'LOG_HOLE' };
    expect(fits('deliver', gap)).toEqual(['gap']);
    for (const wrong of [{ to: undefined }, { reason: 'MOOD' }, { from: 0 }, { more: true }])
      expect(fits('deliver', JSON.parse(JSON.stringify({ ...gap, ...wrong })))).toEqual([]);
    for (const wrong of [{ ttl: -1 }, { sendType: 'ALL' }, { more: true }, { tags: [''] }])
      expect(fits('hear', aBody(wrong))).toEqual([]);
  });

  it('leads to the gateways of every partition, under their prefix', async () => {
    const parted = await TestNode.start({
      ...onSharedBroker(),
      PUBLIC_URL: 'wss://dws.example.com/p{partition}',
      LOG_PARTITIONS: '2',
      GLOBAL_PREFIX: '/realtime',
    });
    const { servers } = await documentOf(parted);
    expect(servers).toMatchObject({
      'partition-0': { host: 'dws.example.com', protocol: 'wss', pathname: '/p0/realtime' },
      'partition-1': { pathname: '/p1/realtime' },
    });
    await parted.stop();
  });

  it('names exchanges that the broker has, what it takes and what it passes on, and no password', async () => {
    const env = onSharedBroker();
    const gateway = await TestNode.start(env, [TestHandlersModule]);
    const described = await documentOf(gateway);
    const fits = matcher(described);
    expect(JSON.stringify(described)).not.toContain(new URL(sharedBroker().url).password);
    const { push, upstream } = described.channels;
    expect(push.bindings.amqp.exchange.name).toBe(`${String(env['AMQP_PREFIX'])}.push`);
    const connection = await amqp.connect(sharedBroker().url);
    const channel = await connection.createConfirmChannel();
    // The broker closes the channel of who declares an exchange otherwise than it is.
    for (const { bindings } of [push, upstream]) {
      const { name, type, ...how } = bindings.amqp.exchange;
      await channel.checkExchange(name);
      await channel.assertExchange(name, type, how);
    }
    const { queue } = await channel.assertQueue('', { exclusive: true });
    await channel.bindQueue(queue, upstream.bindings.amqp.exchange.name, 'shop.order');
    const passed: unknown[] = [];
    await channel.consume(queue, (message) => {
      passed.push(JSON.parse(message?.content.toString() ?? ''));
    });
    const client = await welcomed(TestClient.connect(await gateway.url('buyer')));
    client.send(aQuestion({ businessType: 'shop.order' }));
    channel.publish(
      push.bindings.amqp.exchange.name,
      push.address,
      Buffer.from(JSON.stringify(aBody({ toUniqueId: 'buyer' }))),
      { persistent: true },
    );
    await eventually(() => {
      expect(passed).toHaveLength(1);
      expect(client.bodies).toHaveLength(1);
    });
    expect(fits('passUpstream', passed[0])).toEqual(['upstream']);
    expect(fits('deliver', client.bodies[0])).toEqual(['delivered']);
    client.close();
    await connection.close();
    await gateway.stop();
  });
});
