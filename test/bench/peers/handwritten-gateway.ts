import { join } from 'node:path';

import { freePort } from '../../support/rabbitmq-node';
import type { Broker } from '../broker';
import { USER, userName } from '../generator/template';
import { listening, ServerProcess } from '../processes';
import { content, type Peer } from './peer';

/** ws and amqplib, as written by hand. */
export function handwrittenGateway(broker: Broker): Peer {
  let started = 0;
  return {
    name: 'ws + amqplib',
    async start() {
      started += 1;
      const prefix = `gateway${String(started)}`;
      const port = await freePort();
      const program = join(__dirname, '../servers/handwritten-gateway.js');
      const args = [program, String(port), broker.node.url, prefix];
      const server = await ServerProcess.start(args, {}, () => listening(port));
      return {
        port,
        serverPid: server.pid,
        usesBroker: true,
        connections: (count) =>
          Promise.resolve({
            ports: [port],
            paths: Array.from({ length: count }, (_, i) => `/ws?user=${userName(i)}`),
            protocol: '',
            greetings: 0,
            hello: '',
          }),
        feed: (purpose) => ({
          kind: 'amqp',
          exchange: `${prefix}.push`,
          routingKeys: [purpose === 'users' ? `user.${USER}` : 'everybody'],
          body: content(),
        }),
        upstream: () => ({ frame: content(), answer: '"ack"', queue: `${prefix}.sink` }),
        async stop() {
          await server.stop();
          await broker.deleteQueues(prefix);
        },
      };
    },
  };
}
