import { createServer, type Socket } from 'node:net';

/*
 * No server at all: answers any upgrade and, when the first connection sends a byte, writes frames made beforehand to
 * all of them. What a generator counts of it is the generator's own ceiling. Arguments: port, frames for each, payload.
 */
const [, , port, frames, payload] = process.argv.map(Number);
const UPGRADED =
  'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n';
const PER_WRITE = 512;

const size = payload ?? 0;
const head = Buffer.from([0x81, 126, size >> 8, size & 0xff]);
const frame = Buffer.concat([head, Buffer.alloc(size, 'x')]);
const block = Buffer.concat(new Array<Buffer>(PER_WRITE).fill(frame));
const sockets = new Set<Socket>();

createServer({ noDelay: true }, (socket) => {
  sockets.add(socket);
  socket.on('error', () => undefined);
  socket.once('data', () => {
    socket.write(UPGRADED);
    socket.once('data', blast);
  });
}).listen({ port, host: '127.0.0.1', backlog: 4096 });

function blast(): void {
  for (const socket of sockets) feed(socket, frames ?? 0);
}

function feed(socket: Socket, left: number): void {
  if (left <= 0) return;
  const now = Math.min(left, PER_WRITE);
  const more = socket.write(block.subarray(0, now * frame.length));
  const next = (): void => {
    feed(socket, left - now);
  };
  if (more) setImmediate(next);
  else socket.once('drain', next);
}
