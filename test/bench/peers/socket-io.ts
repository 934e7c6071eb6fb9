import { join } from 'node:path';

import { freePort } from '../../support/rabbitmq-node';
import { listening, ServerProcess } from '../processes';
import { content, type Peer } from './peer';

const PATH = '/socket.io/?EIO=4&transport=websocket';
/** Engine.IO's open packet and Socket.IO's answer to `40`, by which a client joins the default namespace. */
const GREETING = { greetings: 2, hello: '40' } as const;

/** Socket.IO on its in-memory adapter. */
export const socketIo: Peer = {
  name: 'Socket.IO',
  async start() {
    const port = await freePort();
    const program = join(__dirname, '../servers/socket-io.js');
    const server = await ServerProcess.start([program, String(port)], {}, () => listening(port));
    return {
      port,
      serverPid: server.pid,
      usesBroker: false,
      connections: (count) =>
        Promise.resolve({
          ports: [port],
          paths: new Array<string>(count).fill(PATH),
          protocol: '',
          ...GREETING,
        }),
      feed: () => ({ kind: 'socket', path: PATH, ...GREETING, frame: `42["pub",${content()}]` }),
      upstream: () => ({ frame: `421["up",${content()}]`, answer: '431[]', queue: undefined }),
      stop: () => server.stop(),
    };
  },
};
