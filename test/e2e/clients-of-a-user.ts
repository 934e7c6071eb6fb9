import type { FoundConnections } from '../../src/application/ports/nodes';
import { eventually } from '../support/eventually';
import { aBody } from '../support/message.builder';
import { TestClient, welcomed } from '../support/test-client';
import { TestNode, TOKEN_ONLY_KEY } from '../support/test-node';
import { tokenOf } from '../support/token-of';

const ENDED = { code: 4501, reason: 'session ended' };
const REPLACED = { code: 4502, reason: 'session replaced' };

/** What a node answers of a user's connections. */
export async function found(node: TestNode, path: string): Promise<FoundConnections> {
  const answer = await node.get<FoundConnections>(`/websocket/clients/${path}`);
  expect(answer.status).toBe(200);
  return answer.data;
}

/** What holds with any broker, and with none. */
export function clientsOfAUser(env: () => Readonly<Record<string, string>>): void {
  let node: TestNode;
  beforeAll(async () => {
    node = await TestNode.start(env());
  });
  afterAll(() => node.stop());

  it('are found, with their types, from when on they are connected and where', async () => {
    const before = Date.now();
    expect(await found(node, 'nobody')).toEqual({ connections: [], partial: false });
    await welcomed(TestClient.connect(await node.url('f1', { clientType: 'H5' })));
    const app = await welcomed(TestClient.connect(await node.url('f1', { clientType: 'APP' })));
    await welcomed(TestClient.connect(await node.url('f2')));
    const { connections, partial } = await found(node, 'f1');
    expect(partial).toBe(false);
    expect(connections.map(({ clientType }) => clientType).sort()).toEqual(['APP', 'H5']);
    for (const { connectedAt, node: at } of connections) {
      expect(connectedAt).toBeGreaterThanOrEqual(before);
      expect(connectedAt).toBeLessThanOrEqual(Date.now());
      expect(at).toMatch(new RegExp(`/${String(process.pid)}$`));
    }
    expect((await found(node, 'f1?clientType=APP')).connections).toHaveLength(1);
    app.close();
    await eventually(async () => {
      expect((await found(node, 'f1?clientType=APP')).connections).toEqual([]);
    });
  });

  it('are found by any name, as long as it is and whatever it holds', async () => {
    for (const name of ['a/b?c#d%', '签'.repeat(128), '😀'.repeat(64), 'x y+z']) {
      await welcomed(TestClient.connect(await node.url(name)));
      expect((await found(node, encodeURIComponent(name))).connections).toHaveLength(1);
    }
  });

  it('are closed for good when their sessions are ended, and their tokens are void', async () => {
    const unused = await node.url('e1');
    const client = await welcomed(TestClient.connect(await node.url('e1')));
    const plain = TestClient.connect(await node.url('e1'), { plain: true });
    const other = await welcomed(TestClient.connect(await node.url('e2')));
    await eventually(() => {
      expect(plain.opened).toBe(true);
    });
    const answer = await node.delete<{ before: number }>('/websocket/clients/e1');
    expect(answer).toMatchObject({ status: 200, result: 0 });
    expect(Math.abs(answer.data.before - Date.now())).toBeLessThan(10_000);
    await eventually(() => {
      expect(client.closed).toEqual(ENDED);
      expect(plain.closed).toEqual(ENDED);
    });
    expect(client.ops('bye')).toMatchObject([{ code: 4501 }]);
    const tokens = [String(client.welcome?.['reconnectToken']), tokenOf(unused)];
    for (const token of tokens) {
      const again = TestClient.connect(node.socketUrl(token));
      await eventually(() => {
        expect(again.closed).toEqual(ENDED);
      });
      other.send({ op: 'renew', token });
    }
    await eventually(() => {
      expect(other.ops('rejected').map(({ code }) => code)).toEqual([
        'UNAUTHENTICATED',
        'SESSION_ENDED',
      ]);
    });
    expect((await found(node, 'e1')).connections).toEqual([]);
    await node.push(aBody({ toUniqueId: 'e2', content: 'untouched' }));
    await eventually(() => {
      expect(other.contents).toEqual(['untouched']);
    });
    // Who is let in anew is let in.
    const later = await welcomed(TestClient.connect(await node.url('e1')));
    await node.push(aBody({ toUniqueId: 'e1', content: 'back' }));
    await eventually(() => {
      expect(later.contents).toContain('back');
    });
  });

  it('are closed by their type where one is named', async () => {
    const page = await welcomed(TestClient.connect(await node.url('t1', { clientType: 'H5' })));
    const app = await welcomed(TestClient.connect(await node.url('t1', { clientType: 'APP' })));
    expect((await node.delete('/websocket/clients/t1?clientType=H5')).status).toBe(200);
    await eventually(() => {
      expect(page.closed).toEqual(ENDED);
    });
    expect(app.closed).toBeUndefined();
    await welcomed(TestClient.connect(node.socketUrl(String(app.welcome?.['reconnectToken']))));
  });

  it('are replaced by one whose token asks to be the only one of its type, and cannot come back', async () => {
    const first = await welcomed(TestClient.connect(await node.url('s1')));
    const plain = TestClient.connect(await node.url('s1'), { plain: true });
    const unused = await node.url('s1');
    const app = await welcomed(TestClient.connect(await node.url('s1', { clientType: 'APP' })));
    await eventually(() => {
      expect(plain.opened).toBe(true);
    });
    const second = await welcomed(TestClient.connect(await node.url('s1', { single: true })));
    await eventually(() => {
      expect(first.closed).toEqual(REPLACED);
      expect(plain.closed).toEqual(REPLACED);
    });
    expect(first.ops('bye')).toMatchObject([{ code: 4502 }]);
    for (const url of [unused, node.socketUrl(String(first.welcome?.['reconnectToken']))]) {
      const again = TestClient.connect(url);
      await eventually(() => {
        expect(again.closed).toEqual(REPLACED);
      });
    }
    app.send({ op: 'renew', token: tokenOf(unused) });
    await eventually(() => {
      expect(app.ops('rejected')).toMatchObject([{ code: 'SESSION_REPLACED' }]);
    });
    const { connections } = await found(node, 's1');
    expect(connections.map(({ clientType }) => clientType).sort()).toEqual(['APP', 'H5']);
    await node.push(aBody({ toUniqueId: 's1', content: 'for who is here' }));
    await eventually(() => {
      expect(second.contents).toEqual(['for who is here']);
      expect(app.contents).toEqual(['for who is here']);
    });
    // The one that is left has all that it had: it may come back.
    second.close();
    await welcomed(TestClient.connect(node.socketUrl(String(second.welcome?.['reconnectToken']))));
  });

  it('are replaced whatever their type by one that has none', async () => {
    const page = await welcomed(TestClient.connect(await node.url('s2', { clientType: 'H5' })));
    const app = await welcomed(TestClient.connect(await node.url('s2', { clientType: 'APP' })));
    await welcomed(TestClient.connect(await node.url('s2', { clientType: '', single: true })));
    await eventually(() => {
      expect(page.closed).toEqual(REPLACED);
      expect(app.closed).toEqual(REPLACED);
    });
  });

  it('stay when a token that asks to be the only one cannot be issued', async () => {
    const client = await welcomed(TestClient.connect(await node.url('s3')));
    const tags = Array.from({ length: 64 }, (_, i) => String(i).padEnd(128, 'x'));
    for (const wish of [{ tags }, { single: 'yes' }]) {
      const answer = await node.post('/websocket/token', {
        uniqueId: 's3',
        clientType: 'H5',
        single: true,
        ...wish,
      });
      expect(answer).toMatchObject({ status: 400, data: { code: 'BAD_FIELD' } });
    }
    const { data } = await node.get<{ code: string }>(
      '/websocket/token?uniqueId=s3&clientType=H5&single=true',
    );
    expect(data.code).toBe('UNKNOWN_FIELD');
    await node.push(aBody({ toUniqueId: 's3', content: 'still here' }));
    await eventually(() => {
      expect(client.contents).toEqual(['still here']);
    });
    expect(client.closed).toBeUndefined();
  });

  it('are not closed when they have become somebody else, and are when they became this one', async () => {
    const client = await welcomed(TestClient.connect(await node.url('anonymous-1')));
    client.send({ op: 'renew', token: tokenOf(await node.url('known-1')) });
    await eventually(() => {
      expect(client.ops('welcome')).toHaveLength(2);
    });
    await node.delete('/websocket/clients/anonymous-1');
    expect((await found(node, 'known-1')).connections).toHaveLength(1);
    await node.delete('/websocket/clients/known-1');
    await eventually(() => {
      expect(client.closed).toEqual(ENDED);
    });
  });

  it('are shown and closed only to those who may, and bad input is named', async () => {
    expect((await node.get('/websocket/clients/u', TOKEN_ONLY_KEY)).status).toBe(403);
    expect((await node.delete('/websocket/clients/u', TOKEN_ONLY_KEY)).status).toBe(403);
    expect((await node.delete('/websocket/clients/u', undefined)).status).toBe(200);
    expect((await fetch(`${node.base}/websocket/clients/u`)).status).toBe(401);
    expect((await fetch(`${node.base}/websocket/clients/u`, { method: 'DELETE' })).status).toBe(
      401,
    );
    const long = 'x'.repeat(129);
    expect(await node.get(`/websocket/clients/${long}`)).toMatchObject({
      status: 400,
      data: { code: 'BAD_FIELD', field: 'uniqueId' },
    });
    expect(await node.delete(`/websocket/clients/u?clientType=${long}`)).toMatchObject({
      status: 400,
      data: { code: 'BAD_FIELD', field: 'clientType' },
    });
    expect(await node.delete('/websocket/clients/u?client=H5')).toMatchObject({
      status: 400,
      data: { code: 'UNKNOWN_FIELD' },
    });
    expect((await node.delete('/websocket/clients/')).status).toBe(404);
    for (const malformed of ['x'.repeat(3000), '%', '%ff'])
      expect(await node.get(`/websocket/clients/${malformed}`)).toMatchObject({
        status: 400,
        data: { code: 'BAD_REQUEST', retryable: false },
      });
  });
}
