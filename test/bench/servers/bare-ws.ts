import type { RawData } from 'ws';
import { WebSocketServer } from 'ws';

/*
 * The least that a WebSocket server in Node can be: a message that starts with `!` goes to everybody without it,
 * anything else goes back. Argument: the port.
 */
const BANG = '!'.charCodeAt(0);
const server = new WebSocketServer({
  port: Number(process.argv[2]),
  host: '127.0.0.1',
  backlog: 4096,
  perMessageDeflate: false,
});
server.on('connection', (socket) => {
  socket.on('error', () => undefined);
  socket.on('message', (data: RawData) => {
    const message = data as Buffer;
    if (message[0] !== BANG) {
      socket.send(message, { binary: false });
      return;
    }
    const body = message.subarray(1);
    for (const client of server.clients) client.send(body, { binary: false });
  });
});
