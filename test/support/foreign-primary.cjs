/** The primary of another program's node:cluster, as process managers are: it starts the gateway and answers nothing. */
const cluster = require('node:cluster');

cluster.setupPrimary({ exec: 'dist/main.js' });
cluster.fork().on('exit', (code) => process.exit(code ?? 1));
process.on('SIGTERM', () => {
  for (const worker of Object.values(cluster.workers)) worker.process.kill('SIGTERM');
});
