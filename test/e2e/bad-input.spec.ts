import { once } from 'node:events';
import { connect as tcp } from 'node:net';
import { gzipSync } from 'node:zlib';

import { JwtService } from '@nestjs/jwt';

import { LogClaims } from '../../src/application/log/log-claims';
import { Clock } from '../../src/application/ports/clock';
import { Metrics } from '../../src/application/ports/metrics';
import { PushMessage } from '../../src/application/push/push-message';
import { AdmitClient } from '../../src/application/session/admit-client';
import { Refusal } from '../../src/domain/errors';
import { Upgrade } from '../../src/interface/websocket/upgrade';
import { eventually } from '../support/eventually';
import { aBody, aQuestion } from '../support/message.builder';
import { TestClient, welcomed } from '../support/test-client';
import { TestHandlersModule } from '../support/test-handlers';
import { JWT_SECRET, SERVICE_KEY, TestNode, TOKEN_ONLY_KEY } from '../support/test-node';
import { tokenOf } from '../support/token-of';

interface Refused {
  readonly code: string;
  readonly field?: string;
}

const ORIGIN = 'https://app.example.com';

describe('bad input', () => {
  let node: TestNode;
  beforeAll(async () => {
    node = await TestNode.start({ ORIGINS: ORIGIN, GLOBAL_PREFIX: '' }, [TestHandlersModule]);
  });
  afterAll(() => node.stop());

  describe('over REST', () => {
    it.each([
      ['no key', undefined, 401, 'UNAUTHENTICATED'],
      ['a wrong key', 'wrong', 401, 'UNAUTHENTICATED'],
      ['a key without the scope', TOKEN_ONLY_KEY, 403, 'FORBIDDEN'],
    ])('refuses a push with %s', async (_what, key, status, code) => {
      const response = await fetch(`${node.base}/websocket/push`, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          ...(key !== undefined && { authorization: `Bearer ${key}` }),
        },
        body: JSON.stringify(aBody()),
      });
      expect(response.status).toBe(status);
      expect(await response.json()).toMatchObject({ data: { code, retryable: false } });
    });

    it.each(['/metrics', '/websocket/token?uniqueId=a'])(
      'answers 401 to %s without a key, and says how to have one',
      async (path) => {
        const answer = await fetch(node.base + path);
        expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([401, 'Bearer']);
      },
    );

    it('gives metrics to no key without admin, and tokens to no key without token', async () => {
      expect((await node.get('/metrics', TOKEN_ONLY_KEY)).status).toBe(403);
      const push = 'push-key-0123456789';
      const other = await TestNode.start({
        SERVICE_KEYS: `all:token+push+admin:${SERVICE_KEY},p:push:${push}`,
      });
      expect((await other.get('/websocket/token?uniqueId=a', push)).status).toBe(403);
      await other.stop();
    });

    it('gives no token a longer life than the settings, whatever is asked for', async () => {
      const url = await node.url('long', { ttl: 86_400_000, sessionTtl: 30 * 86_400_000 });
      const [, payload = ''] = tokenOf(url).split('.');
      const { exp, st } = JSON.parse(Buffer.from(payload, 'base64url').toString()) as {
        exp: number;
        st: number;
      };
      // TOKEN_TTL is 60 s, and the end is rounded up to a second.
      expect(exp * 1000 - Date.now()).toBeLessThanOrEqual(61_000);
      expect(st).toBe(86_400_000);
    });

    it('says nothing of its inside when it has a defect', async () => {
      const quiet = jest.spyOn(process.stdout, 'write').mockImplementation(() => true);
      const loud = jest.spyOn(process.stderr, 'write').mockImplementation(() => true);
      jest
        .spyOn(node.app.nest.get(PushMessage), 'execute')
        .mockRejectedValueOnce(new Error('hidden-word'));
      const answer = await node.push(aBody());
      jest.spyOn(node.app.nest.get(AdmitClient), 'verify').mockImplementationOnce(() => {
        throw new Error('hidden-word');
      });
      const client = TestClient.connect(await node.url('defect'));
      await eventually(() => {
        expect(client.closed).toEqual({ code: 1011, reason: 'internal error' });
      });
      quiet.mockRestore();
      loud.mockRestore();
      expect(answer).toMatchObject({
        status: 500,
        result: 50_001,
        data: { code: 'INTERNAL', retryable: true },
      });
      expect(JSON.stringify(answer)).not.toContain('hidden-word');
    });

    it.each<[string, Record<string, unknown>, string, string]>([
      ['an unknown field', { colour: 'red' }, 'UNKNOWN_FIELD', 'colour'],
      ['a cursor of its own', { cursor: '1-1' }, 'UNKNOWN_FIELD', 'cursor'],
      ['a wrong sendType', { sendType: 'ALL' }, 'BAD_FIELD', 'sendType'],
      ['no messageType', { messageType: undefined }, 'BAD_FIELD', 'messageType'],
      [
        'a question for a handler',
        { messageType: 'CLIENT_TO_SERVER', toUniqueId: undefined },
        'BAD_FIELD',
        'messageType',
      ],
      ['a malformed businessType', { businessType: 'a..b' }, 'BAD_FIELD', 'businessType'],
      ['a reserved businessType', { businessType: 'wirepost.gap' }, 'BAD_FIELD', 'businessType'],
      ['no recipient', { toUniqueId: '' }, 'BAD_FIELD', 'toUniqueId'],
      ['an overlong recipient', { toUniqueId: 'u'.repeat(129) }, 'BAD_FIELD', 'toUniqueId'],
      ['a recipient that is no string', { toUniqueId: 5 }, 'BAD_FIELD', 'toUniqueId'],
      ['a timestamp that is no integer', { timestamp: 1.5 }, 'BAD_FIELD', 'timestamp'],
      ['a negative ttl', { ttl: -1 }, 'BAD_FIELD', 'ttl'],
      ['a messageId with a quote', { messageId: 'a"b' }, 'BAD_FIELD', 'messageId'],
      ['too many tags', { tags: Array.from({ length: 33 }, () => 't') }, 'BAD_FIELD', 'tags'],
      ['an empty tag', { tags: [''] }, 'BAD_FIELD', 'tags'],
      [
        'MULTICAST to nobody',
        { sendType: 'MULTICAST', toUniqueId: undefined },
        'BAD_FIELD',
        'tags',
      ],
      ['BROADCAST to one', { sendType: 'BROADCAST' }, 'BAD_FIELD', 'toUniqueId'],
      ['a receipt that is no boolean', { receipt: 'yes' }, 'BAD_FIELD', 'receipt'],
    ])('refuses a push with %s and names the field', async (_what, over, code, field) => {
      const answer = await node.post<Refused>('/websocket/push', aBody(over));
      expect(answer).toMatchObject({ status: 400, data: { code, field } });
      expect(answer.result).toBeGreaterThan(0);
      expect(answer.description).toContain(field);
    });

    it.each([
      ['no JSON', '{"sendType":', 400, 'BAD_JSON'],
      ['an empty body', '', 400, 'BAD_JSON'],
      ['an array where an object belongs', '[]', 400, 'BAD_JSON'],
      ['100 000 brackets', '['.repeat(100_000), 400, 'TOO_DEEP'],
      [
        'a body over the limit',
        JSON.stringify(aBody({ content: 'x'.repeat(70_000) })),
        413,
        'TOO_LARGE',
      ],
    ])('refuses %s', async (_what, body, status, code) => {
      expect(await node.post('/websocket/push', body)).toMatchObject({ status, data: { code } });
    });

    it.each(['uniqueId', 'clientType'])('refuses a token whose %s is no Unicode', async (field) => {
      const asked = { uniqueId: 'u', [field]: 'half a pair \ud83d' };
      expect(await node.post('/websocket/token', asked)).toMatchObject({
        status: 400,
        data: { code: 'BAD_FIELD', field },
      });
    });

    it('refuses a token that no URL could carry, and issues what can be used', async () => {
      const labels = (label: string) =>
        Array.from({ length: 32 }, (_, i) => `${label}${String(i)}`);
      const ask = (label: string) =>
        node.post<string & Refused>('/websocket/token', {
          ...{ uniqueId: 'labelled', tags: labels(label), businesses: labels(label) },
        });
      expect(await ask('标'.repeat(40))).toMatchObject({
        status: 400,
        data: { code: 'BAD_FIELD', field: 'tags' },
      });
      const { data } = await ask('x'.repeat(62));
      const client = TestClient.connect(node.socketUrl(tokenOf(data)));
      await eventually(() => {
        expect(client.welcome).toBeDefined();
      });
      const again = TestClient.connect(node.socketUrl(String(client.welcome?.['reconnectToken'])));
      await eventually(() => {
        expect(again.welcome).toBeDefined();
      });
    });

    it('refuses the body of a caller without a key before it comes', async () => {
      const { hostname, port } = new URL(node.base);
      for (const path of ['/websocket/push', '/websocket/nothing']) {
        const socket = tcp(Number(port), hostname);
        socket.write(`POST ${path} HTTP/1.1\r\nHost: ${hostname}\r\n`);
        socket.write('Content-Type: application/json\r\nContent-Length: 15000000\r\n\r\n{');
        const [answer] = (await once(socket, 'data')) as [Buffer];
        expect(answer.toString()).toMatch(/^HTTP\/1\.1 401 [^]*UNAUTHENTICATED/);
        socket.destroy();
      }
      expect(await node.post('/websocket/push', '{bad', 'no-such-key-000000')).toMatchObject({
        status: 401,
      });
    });

    it('gives a request 30 seconds to arrive, and its headers fewer, or Node.js would swap the two', () => {
      const { requestTimeout, headersTimeout } = node.app.nest.getHttpServer();
      expect(requestTimeout).toBe(30_000);
      expect(headersTimeout).toBeLessThan(requestTimeout);
    });

    it('takes a push that offers HTTP/2, as Java’s client does, and ignores the offer', async () => {
      const { hostname, port } = new URL(node.base);
      const socket = tcp(Number(port), hostname);
      const body = JSON.stringify(aBody({ toUniqueId: 'java' }));
      for (let i = 0; i < 2; i += 1) {
        socket.write(
          `POST /websocket/push HTTP/1.1\r\nHost: ${hostname}\r\nConnection: Upgrade, HTTP2-Settings\r\n` +
            `Upgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA\r\n` +
            `Content-Type: application/json\r\nAuthorization: Bearer ${SERVICE_KEY}\r\n` +
            `Content-Length: ${String(Buffer.byteLength(body))}\r\n\r\n${body}`,
        );
        const [answer] = (await once(socket, 'data')) as [Buffer];
        expect(answer.toString()).toMatch(/^HTTP\/1\.1 202 [^]*messageId/);
      }
      socket.destroy();
    });

    const pushEncoded = (coding: string, body: string | Buffer<ArrayBuffer>): Promise<Response> =>
      fetch(`${node.base}/websocket/push`, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'content-encoding': coding,
          authorization: `Bearer ${SERVICE_KEY}`,
        },
        body,
      });

    it.each(['gzip', 'br', 'deflate, gzip'])(
      'refuses a body whose Content-Encoding is %s with 415, and says what it takes',
      async (coding) => {
        const response = await pushEncoded(coding, gzipSync(JSON.stringify(aBody())));
        expect([response.status, response.headers.get('accept-encoding')]).toEqual([
          415,
          'identity',
        ]);
        expect(await response.json()).toMatchObject({
          data: { code: 'MEDIA_TYPE', retryable: false },
        });
      },
    );

    it.each(['identity', 'Identity', ''])(
      'takes a body whose Content-Encoding is %p',
      async (coding) => {
        expect((await pushEncoded(coding, JSON.stringify(aBody()))).status).toBe(202);
      },
    );

    it('refuses what is not declared as JSON with 415 and an unknown path with 404', async () => {
      const headers = { authorization: `Bearer ${SERVICE_KEY}`, 'content-type': 'text/plain' };
      const wrong = await fetch(`${node.base}/websocket/push`, {
        method: 'POST',
        headers,
        body: 'x',
      });
      expect(wrong.status).toBe(415);
      expect(await wrong.json()).toMatchObject({ data: { code: 'MEDIA_TYPE' } });
      expect(await node.get('/websocket/nothing')).toMatchObject({
        status: 404,
        data: { code: 'NOT_FOUND' },
      });
    });

    it.each(['/client/:a(', '/client/*x', '/websocket/:a(', '/:a('])(
      'answers 404 to a path that would be no pattern of a route, and logs nothing: %s',
      async (path) => {
        const written = (['stdout', 'stderr'] as const).map((stream) =>
          jest.spyOn(process[stream], 'write').mockImplementation(() => true),
        );
        const answers = await Promise.all([node.get(path), node.post(path, {})]);
        const lines = written.flatMap((spy) => spy.mock.calls);
        for (const spy of written) spy.mockRestore();
        for (const answer of answers) {
          expect(answer).toMatchObject({
            status: 404,
            data: { code: 'NOT_FOUND', retryable: false },
          });
        }
        expect(lines).toEqual([]);
      },
    );

    it('answers 405 with the methods that are allowed where another one is meant', async () => {
      const answer = await fetch(`${node.base}/websocket/push`, {
        headers: { authorization: `Bearer ${SERVICE_KEY}` },
      });
      expect(answer.status).toBe(405);
      expect(answer.headers.get('allow')).toBe('POST');
      expect(await answer.json()).toMatchObject({ result: 40501, data: { code: 'METHOD' } });
    });

    it.each([[[]], [{}], [Array.from({ length: 1001 }, () => aBody())]])(
      'refuses a batch of the wrong size',
      async (batch) => {
        expect(await node.post('/websocket/push/batch', batch)).toMatchObject({
          status: 400,
          data: { code: 'BAD_REQUEST' },
        });
      },
    );

    it.each([
      ['', 'uniqueId', 'uniqueId must be a string'],
      ['?uniqueId=a&uniqueId=b', 'uniqueId', 'uniqueId must be a string'],
      [`?uniqueId=${'u'.repeat(129)}`, 'uniqueId', 'uniqueId must be longer than'],
      ['?uniqueId=a&ttl=soon', 'ttl', 'ttl must be an integer number'],
      ['?uniqueId=a&ttl=10', 'ttl', 'ttl must not be less than 1000'],
      [`?uniqueId=a&tags=${'t'.repeat(65)}`, 'tags', 'each value in tags must be longer than'],
      ['?uniqueId=a&colour=red', 'colour', 'colour is not a field'],
      ['?uniqueId=a&constructor=1', 'constructor', 'constructor is not a field'],
      ['?uniqueId=a&__proto__=1', '__proto__', '__proto__ is not a field'],
    ])('refuses a token for %s', async (query, field, description) => {
      expect(await node.get(`/websocket/token${query}`)).toMatchObject({
        status: 400,
        description: expect.stringContaining(description) as string,
        data: { field },
      });
    });

    it.each(['%E5%BC', '%', '%ED%A0%80'])(
      'takes no query %s, which cannot be decoded, for a name',
      async (name) => {
        expect(await node.get(`/websocket/token?uniqueId=${name}`)).toMatchObject({
          status: 400,
          data: { code: 'BAD_REQUEST' },
        });
        expect((await node.get('/websocket/token?uniqueId=%E5%BC%82')).status).toBe(200);
      },
    );

    it.each([
      [{ uniqueId: '😀'.repeat(65) }, 'uniqueId'],
      [{ clientType: '😀'.repeat(17) }, 'clientType'],
      [{ tags: ['😀'.repeat(33)] }, 'tags'],
      [{ ttl: { toString: 1 } }, 'ttl'],
      [{ ttl: '0x1388' }, 'ttl'],
      [{ ['__proto__']: 1 }, '__proto__'],
      [{ toString: 1 }, 'toString'],
    ])('issues no token for %j', async (asked, field) => {
      expect(await node.post('/websocket/token', { uniqueId: 'u', ...asked })).toMatchObject({
        status: 400,
        data: { field },
      });
    });

    it('issues a token for names that are as long as they may be, and it opens', async () => {
      const asked = { uniqueId: '😀'.repeat(64), clientType: '😀'.repeat(16), ttl: '5000' };
      const { data } = await node.post<string>('/websocket/token', asked);
      const client = TestClient.connect(node.socketUrl(tokenOf(data)));
      await eventually(() => {
        expect(client.welcome).toMatchObject({ uniqueId: asked.uniqueId });
      });
    });

    it.each([
      ['a content', Buffer.from([0x58, 0xff, 0xc3, 0x59])],
      ['a content in Latin 1', Buffer.from('café', 'latin1')],
    ])('refuses %s that is not UTF-8, which would be another one', async (_what, content) => {
      const [head, tail] = JSON.stringify(aBody({ content: '|' })).split('|');
      const body = Buffer.concat([Buffer.from(head ?? ''), content, Buffer.from(tail ?? '')]);
      const response = await fetch(`${node.base}/websocket/push`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${SERVICE_KEY}` },
        body,
      });
      expect([response.status, await response.json()]).toMatchObject([
        400,
        { data: { code: 'BAD_JSON' } },
      ]);
    });

    it.each(['1e400', '-1e400', '[0,{"a":1e999}]', '9'.repeat(310)])(
      'refuses a number that JSON.parse cannot hold: %s',
      async (number) => {
        const text = JSON.stringify(aBody({ content: '|' })).replace('"|"', number);
        expect(await node.post('/websocket/push', text)).toMatchObject({
          status: 400,
          data: { code: 'BAD_FIELD', field: 'content' },
        });
        const client = TestClient.connect(await node.url('numbers'));
        await welcomed(client);
        client.send(text.replace('SERVER_TO_CLIENT', 'CLIENT_TO_SERVER'));
        await eventually(() => {
          expect(client.ops('rejected')).toMatchObject([{ code: 'BAD_FIELD' }]);
        });
        client.close();
      },
    );

    it('takes a DELETE that names a type and has no body', async () => {
      const response = await fetch(`${node.base}/websocket/clients/nobody`, {
        method: 'DELETE',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${SERVICE_KEY}` },
      });
      expect(response.status).toBe(200);
    });

    it('survives keys that are names of prototypes', async () => {
      const text = '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}';
      expect(await node.post('/websocket/push', text)).toMatchObject({ status: 400 });
      expect(({} as { polluted?: number }).polluted).toBeUndefined();
    });

    it('takes the public URL from the settings, whatever Host says', async () => {
      const response = await fetch(`${node.base}/websocket/token?uniqueId=a`, {
        headers: { authorization: `Bearer ${SERVICE_KEY}`, 'x-forwarded-host': 'evil.example' },
      });
      expect(((await response.json()) as { data: string }).data).toMatch(
        /^ws:\/\/localhost:0\/socket\//,
      );
      expect(response.headers.get('cache-control')).toBe('no-store');
    });
  });

  describe('in the upgrade', () => {
    async function refusedWith(url: string, origin?: string): Promise<number | undefined> {
      const client = TestClient.connect(url, origin === undefined ? {} : { origin });
      await eventually(() => {
        expect(client.closed).toBeDefined();
      });
      expect(client.opened).toBe(false);
      return client.status;
    }

    it.each(['x', 'a.b.c', 'eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.', `${'a'.repeat(9000)}.b.c`])(
      'answers 401 to a token that was not issued here: %p',
      async (token) => {
        expect(await refusedWith(node.socketUrl(token))).toBe(401);
      },
    );

    it('answers 401 to a token with another key or algorithm, or a cursor that is none', async () => {
      const jwt = new JwtService({});
      const payload = {
        sub: 'a',
        ct: '',
        bt: ['#'],
        gr: '',
        cu: '0-0',
        us: 'reconnect',
        jti: 'j',
        st: 1000,
      };
      const options = { issuer: 'wirepost', audience: 'wirepost:socket', expiresIn: '1h' } as const;
      const wrongKey = jwt.sign(payload, {
        ...options,
        secret: 'another-key-of-32-characters-long-!!',
      });
      const wrongAlgorithm = jwt.sign(payload, {
        ...options,
        secret: JWT_SECRET,
        algorithm: 'HS512',
      });
      const wrongAudience = jwt.sign(payload, {
        ...options,
        secret: JWT_SECRET,
        audience: 'others',
      });
      const wrongCursors = [{ cu: 'zz' }, { bg: 'zz' }, { bg: '-1' }].map((claims) =>
        jwt.sign({ ...payload, ...claims }, { ...options, secret: JWT_SECRET }),
      );
      for (const token of [wrongKey, wrongAlgorithm, wrongAudience, ...wrongCursors]) {
        expect(await refusedWith(node.socketUrl(token))).toBe(401);
      }
      const right = jwt.sign(payload, { ...options, secret: JWT_SECRET });
      const client = TestClient.connect(node.socketUrl(right));
      await eventually(() => {
        expect(client.welcome).toBeDefined();
      });
    });

    it('answers 403 to an origin that is not allowed and 101 to one that is', async () => {
      for (const origin of [
        'https://evil.example',
        `${ORIGIN}.evil.io`,
        'null',
        'http://app.example.com',
      ]) {
        expect(await refusedWith(await node.url('o1'), origin)).toBe(403);
      }
      const client = TestClient.connect(await node.url('o1'), { origin: ORIGIN });
      await eventually(() => {
        expect(client.welcome).toBeDefined();
      });
    });

    it('answers 404 to another path and 400 to a cursor that is none', async () => {
      expect(await refusedWith(`ws://127.0.0.1:${String(node.app.port)}/elsewhere`)).toBe(404);
      for (const cursor of ['-1', '1e3-0', '1000000000000000000-0', 'x']) {
        expect(await refusedWith(`${await node.url('o2')}?cursor=${cursor}`)).toBe(400);
      }
    });

    it('opens and closes with 4401 for an expired token, so that a page can read the code', async () => {
      const url = await node.url('o3', { ttl: 1000 });
      const later = jest
        .spyOn(node.app.nest.get(Clock), 'now')
        .mockImplementation(() => Date.now() + 2000);
      const client = TestClient.connect(url);
      await eventually(() => {
        expect(client.closed).toEqual({ code: 4401, reason: 'token expired' });
      });
      later.mockRestore();
      expect(client.opened).toBe(true);
      expect(client.welcome).toBeUndefined();
    });

    it('closes with 4401 when nobody can tell any more whether the token was used', async () => {
      const forgotten = jest
        .spyOn(node.app.nest.get(LogClaims), 'hasForgotten')
        .mockReturnValueOnce(true);
      const client = TestClient.connect(await node.url('forgotten'));
      await eventually(() => {
        expect(client.closed).toEqual({ code: 4401, reason: 'token expired' });
      });
      forgotten.mockRestore();
    });

    it('closes with 1013 when the log does not answer', async () => {
      jest
        .spyOn(node.app.nest.get(LogClaims), 'claim')
        .mockRejectedValueOnce(new Refusal('UNKNOWN_OUTCOME'));
      const client = TestClient.connect(await node.url('early'));
      await eventually(() => {
        expect(client.closed).toEqual({ code: 1013, reason: 'log not available' });
      });
    });

    it('closes with 1012 for who comes while the node stops', async () => {
      const stopping = await TestNode.start();
      const url = await stopping.url('late');
      stopping.app.nest.get(Upgrade).stop();
      const client = TestClient.connect(url);
      await eventually(() => {
        expect(client.closed).toEqual({ code: 1012, reason: 'restarting' });
      });
      await stopping.stop();
    });

    it('stays alive when a client leaves in the middle of the upgrade', async () => {
      const url = new URL(await node.url('o4'));
      for (let i = 0; i < 20; i += 1) {
        const socket = tcp(node.app.port, '127.0.0.1');
        socket.on('error', () => undefined);
        socket.write(
          `GET ${url.pathname} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n`,
        );
        socket.write(
          'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
        );
        socket.resetAndDestroy();
      }
      expect((await node.get('/health/ready')).status).toBe(200);
    });
  });

  describe('in frames', () => {
    async function connect(uniqueId: string): Promise<TestClient> {
      const client = TestClient.connect(await node.url(uniqueId));
      await eventually(() => {
        expect(client.welcome).toBeDefined();
      });
      return client;
    }

    it.each([
      ['no JSON', '{"op":', 'BAD_JSON'],
      ['JSON that is no object', '[1]', 'BAD_JSON'],
      ['a number', '7', 'BAD_JSON'],
      ['a deep one', '['.repeat(30_000), 'TOO_DEEP'],
      ['an unknown op', '{"op":"toString"}', 'UNKNOWN_OP'],
      ['an op of a prototype', '{"op":"__proto__"}', 'UNKNOWN_OP'],
      [
        'an unknown field',
        JSON.stringify(aQuestion({ businessType: 'test.echo' })).replace('{', '{"x":1,'),
        'UNKNOWN_FIELD',
      ],
      [
        'an overlong id',
        JSON.stringify(aQuestion({ businessType: 'test.echo', messageId: 'i'.repeat(65) })),
        'BAD_FIELD',
      ],
    ])('answers %s with a code and stays open', async (_what, text, code) => {
      const client = await connect('f1');
      client.send(text);
      await eventually(() => {
        expect(client.ops('rejected')).toHaveLength(1);
      });
      expect(client.ops('rejected')[0]).toMatchObject({ code, retryable: false });
      client.send(aQuestion({ businessType: 'test.echo', content: 'fine' }));
      await eventually(() => {
        expect(client.contents).toEqual(['fine']);
      });
    });

    it('refuses what is too deep under its id, unless it is deep beyond any mistake', async () => {
      const client = await connect('f4');
      const deep = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);
      const text = JSON.stringify(aQuestion({ messageId: 'm1', content: 'deep' }));
      client.send(text.replace('"deep"', deep(200)));
      client.send(text.replace('"deep"', deep(2000)));
      await eventually(() => {
        expect(client.ops('rejected')).toMatchObject([
          { code: 'TOO_DEEP', messageId: 'm1' },
          { code: 'TOO_DEEP' },
        ]);
      });
      expect(client.ops('rejected')[1]).not.toHaveProperty('messageId');
    });

    it.each(['order 17', 'a"b', 'i'.repeat(65)])(
      'refuses a message for its id under that id, by which its sender waits: %s',
      async (messageId) => {
        const client = await connect('f3');
        client.send(aQuestion({ businessType: 'test.echo', messageId }));
        await eventually(() => {
          expect(client.ops('rejected')).toMatchObject([{ code: 'BAD_FIELD', messageId }]);
        });
      },
    );

    it('answers a binary frame and closes with 4500 only after repeated abuse', async () => {
      const client = await connect('f2');
      const before = node.app.nest.get(Metrics).total('framesBad');
      client.ws.send(Buffer.from([1, 2, 3]), { binary: true });
      await eventually(() => {
        expect(client.ops('rejected')[0]).toMatchObject({ code: 'BINARY' });
      });
      for (let i = 0; i < 9; i += 1) client.send('nonsense');
      await eventually(() => {
        expect(client.closed?.code).toBe(4500);
      });
      expect(client.ops('rejected')).toHaveLength(10);
      expect(node.app.nest.get(Metrics).total('framesBad')).toBe(before + 10);
    });

    it('closes with 1009 for a frame over the limit', async () => {
      const client = await connect('f3');
      client.send('x'.repeat(70_000));
      await eventually(() => {
        expect(client.closed?.code).toBe(1009);
      });
    });

    it('tells a plain client by a unified body of a reserved type', async () => {
      const client = TestClient.connect(await node.url('f4'), { plain: true });
      await eventually(() => {
        expect(client.opened).toBe(true);
      });
      client.send('nonsense');
      await eventually(() => {
        expect(client.bodies[0]).toMatchObject({
          businessType: 'wirepost.rejected',
          content: { code: 'BAD_JSON' },
        });
      });
    });
  });
});
