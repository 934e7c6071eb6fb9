import { createServer } from 'node:http';

import { Server } from 'socket.io';

/* Socket.IO as its documentation has it, WebSocket only: `pub` goes to everybody, `up` is acknowledged. */
const http = createServer();
const server = new Server(http, {
  transports: ['websocket'],
  serveClient: false,
  perMessageDeflate: false,
  pingInterval: 60_000,
  pingTimeout: 60_000,
});
server.on('connection', (socket) => {
  socket.on('pub', (message: unknown) => server.emit('m', message));
  socket.on('up', (_message: unknown, acknowledge: () => void) => {
    acknowledge();
  });
});
http.listen({ port: Number(process.argv[2]), host: '127.0.0.1', backlog: 4096 });
