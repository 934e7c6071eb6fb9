import { join } from 'node:path';

import { freePort } from '../../support/rabbitmq-node';
import { listening, ServerProcess } from '../processes';
import { content, type Peer } from './peer';

/** `ws` and nothing else; no broker, nothing kept, nobody authenticated. */
export const bareWs: Peer = {
  name: 'bare ws',
  async start() {
    const port = await freePort();
    const program = join(__dirname, '../servers/bare-ws.js');
    const server = await ServerProcess.start([program, String(port)], {}, () => listening(port));
    return {
      port,
      serverPid: server.pid,
      usesBroker: false,
      connections: (count) =>
        Promise.resolve({
          ports: [port],
          paths: new Array<string>(count).fill('/'),
          protocol: '',
          greetings: 0,
          hello: '',
        }),
      feed: () => ({ kind: 'socket', path: '/', greetings: 0, hello: '', frame: `!${content()}` }),
      upstream: () => ({ frame: content(), answer: '"id":"', queue: undefined }),
      stop: () => server.stop(),
    };
  },
};
