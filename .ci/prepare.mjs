// Makes a fresh clone ready: installs, builds and, for the tests, provisions the programs they run.
// Quick when there is nothing to do.
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';

const forTests = process.argv.includes('--test');
const STAMP = 'node_modules/.installed';
/** Where the tests find the Node.js of the image. */
const IMAGE_NODE = 'node_modules/.cache/image-node';
/** Debian packages and the file that shows that they are there. */
const PROGRAMS = [
  ['rabbitmq-server', '/usr/lib/rabbitmq/bin/rabbitmq-server'],
  ['python3', '/usr/bin/python3'],
  ['python3-pika', '/usr/lib/python3/dist-packages/pika'],
  ['nginx-light', '/usr/sbin/nginx'],
  ['chromium', '/usr/bin/chromium'],
  ['openssl', '/usr/bin/openssl'],
  ['iproute2', '/usr/sbin/ip'],
  ['spin', '/usr/bin/spin'],
  ['gcc', '/usr/bin/cc'],
  ['libc6-dev', '/usr/include/stdlib.h'],
  ['default-jdk-headless', '/usr/bin/javac'],
  ['librabbitmq-client-java', '/usr/share/java/amqp-client.jar'],
  ['libjackson2-databind-java', '/usr/share/java/jackson-databind.jar'],
  ['python3-websocket', '/usr/lib/python3/dist-packages/websocket'],
];

function fail(sentence) {
  process.stderr.write(`${sentence}\n`);
  process.exit(1);
}

function run(command, args, env = {}) {
  const { status, error } = spawnSync(command, args, {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, ...env },
  });
  if (error !== undefined || status !== 0) fail(`${command} ${args.join(' ')} failed.`);
}

function changed(path) {
  return existsSync(path) ? statSync(path).mtimeMs : 0;
}

function newest(folder) {
  return Math.max(
    ...readdirSync(folder, { recursive: true }).map((name) => changed(join(folder, name))),
  );
}

function install() {
  if (changed(STAMP) >= changed('package-lock.json') && changed(STAMP) > 0) return;
  process.stdout.write('installing dependencies\n');
  run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']);
  writeFileSync(STAMP, '');
}

function build() {
  const sources = Math.max(
    newest('src'),
    changed('tsconfig.json'),
    changed('tsconfig.build.json'),
    changed('package.json'),
    changed('.ci/build-client.mjs'),
    changed(STAMP),
  );
  if (changed('dist/main.js') >= sources) return;
  process.stdout.write('building\n');
  run('npm', ['run', '--silent', 'build']);
  const now = new Date();
  utimesSync('dist/main.js', now, now);
}

function provision() {
  const missing = PROGRAMS.filter(([, file]) => !existsSync(file)).map(([name]) => name);
  if (missing.length === 0) return;
  const names = missing.join(' ');
  const isRoot = process.getuid?.() === 0;
  if (!isRoot || !existsSync('/usr/bin/apt-get')) {
    fail(
      `The tests need these programs, please install them: ${names} (on Debian: apt-get install ${names}).`,
    );
  }
  process.stdout.write(`installing ${names}\n`);
  const env = { DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  run('apt-get', ['-qq', 'update'], env);
  run('apt-get', ['-qq', 'install', '-y', '--no-install-recommends', ...missing], env);
}

/** The Node.js of the image, with which the tests run the gateway besides. */
function provisionNode() {
  const [, major] = /^FROM node:(\d+)-/m.exec(readFileSync('docker/Dockerfile', 'utf8')) ?? [];
  const name = `node-${process.platform}-${process.arch}`;
  const folder = `node_modules/.cache/node-${major}`;
  const program = resolve(folder, 'node_modules', name, 'bin/node');
  if (!existsSync(program)) {
    process.stdout.write(`installing Node.js ${major}\n`);
    const how = ['--no-save', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
    run('npm', ['install', '--prefix', folder, ...how, `${name}@${major}`]);
  }
  rmSync(IMAGE_NODE, { force: true });
  symlinkSync(program, IMAGE_NODE);
}

install();
build();
if (forTests) {
  provision();
  provisionNode();
}
