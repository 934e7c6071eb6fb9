import { readFileSync } from 'node:fs';

import { QrcodeRefreshModule } from '../../src/business/qrcode-refresh/qrcode-refresh.module';
import { eventually } from '../support/eventually';
import { aBody, aQuestion } from '../support/message.builder';
import { freshPrefix, sharedBroker } from '../support/shared-broker';
import { TestClient, welcomed } from '../support/test-client';
import { TestNode } from '../support/test-node';
import { found } from './clients-of-a-user';

/** What docs/operations.md says that Wirepost's user may do, with another prefix: configure, write, read. */
function documentedRights(prefix: string): readonly string[] {
  const [, ...rights] =
    /Wirepost `'([^']+)' '([^']+)' '([^']+)'`/.exec(readFileSync('docs/operations.md', 'utf8')) ??
    [];
  expect(rights).toHaveLength(3);
  return rights.map((right) => right.replaceAll('wirepost', prefix));
}

describe('a node whose user has the rights of the documentation and no others', () => {
  it('starts, delivers, has handlers, finds clients and ends their sessions', async () => {
    const prefix = freshPrefix();
    const url = await sharedBroker().addUser(prefix, documentedRights(prefix));
    const env = { AMQP_URL: url, AMQP_PREFIX: prefix };
    const nodes = [
      await TestNode.start(env, [QrcodeRefreshModule]),
      await TestNode.start(env, [QrcodeRefreshModule]),
    ] as const;
    const [one, other] = nodes;
    const client = await welcomed(TestClient.connect(await one.url('u1')));
    expect((await other.push(aBody({ toUniqueId: 'u1', content: 'pushed' }))).status).toBe(202);
    client.send(aQuestion({ businessType: 'qrcode.refresh', messageId: 'q1' }));
    await eventually(() => {
      expect(client.contents).toContain('pushed');
      expect(client.bodies.map(({ correlationId }) => correlationId)).toContain('q1');
    });
    expect(await found(other, 'u1')).toMatchObject({ connections: [{}], partial: false });
    expect((await other.delete('/websocket/clients/u1')).status).toBe(200);
    await eventually(() => {
      expect(client.closed?.code).toBe(4501);
    });
    await Promise.all(nodes.map((node) => node.stop()));
  });
});
