import 'reflect-metadata';

import cluster from 'node:cluster';

import { Logger } from '@nestjs/common';

import type { WirepostApp } from './app.module';
import { consoleLog } from './infrastructure/observability/console-log';
import type { ToWorker } from './infrastructure/observability/workers-page';
import { readTlsFiles, TlsFilesError } from './interface/http/tls-files';
import { generatedEnvironment, readSettings, type Settings, SettingsError } from './settings';
import {
  beat,
  canSharePort,
  EX_CONFIG,
  type Failed,
  fork,
  type HangUp,
  isOwnWorker,
  type Listening,
  portToShare,
  Workers,
} from './workers';

/** ms after the time for draining, and that for the last confirms, by which a shutdown that hangs is ended. */
const SHUTDOWN_LIMIT = 15_000;
/** ms that the primary leaves its workers on top. */
const GRACE = 5000;

async function main(): Promise<void> {
  // Nobody reads the log any more, which is no reason to end.
  for (const output of [process.stdout, process.stderr]) output.on('error', () => undefined);
  const settings = readSettings();
  if (settings.workers > 1 && cluster.isPrimary) await supervise(settings);
  else await serve(settings);
}

/** Is one node: the whole program, or one of its workers. */
async function serve(settings: Settings): Promise<void> {
  const logger = new Logger('Wirepost');
  // Only here: the process that supervises needs none of it.
  const creating = import('./app.module.js').then(({ createApp }) => createApp(settings));
  if (settings.http.tls !== undefined) {
    onHangUp(() => {
      creating.then(
        (made) => {
          made.renewCertificate();
        },
        () => undefined, // There is none: the start says why.
      );
    });
  }
  const app = await creating;
  process.on('unhandledRejection', (reason) => {
    logger.error(reason);
  });
  let stopping = false;
  const onSignal = (): void => {
    if (stopping) return;
    stopping = true;
    stop(app, shutdownLimit(settings), logger).catch((error: unknown) => {
      logger.error(error);
      process.exit(1);
    });
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    // A worker may get it from whoever started the program and from the primary; elsewhere the second of a kind ends at once.
    if (isOwnWorker()) process.on(signal, onSignal);
    else process.once(signal, onSignal);
  }
  await app.start({ reusePort: isOwnWorker() && canSharePort() });
  if (isOwnWorker()) {
    process.send?.({ kind: 'listening', port: app.port } satisfies Listening);
    beat();
  } else announce(settings, app.port);
}

/** From now on; a worker is told by the primary and, when its whole group gets the signal, by that. */
function onHangUp(listener: () => void): void {
  process.on('SIGHUP', listener);
  if (!isOwnWorker()) return;
  process.on('message', ({ kind }: HangUp | ToWorker) => {
    if (kind === 'hang up') listener();
  });
}

/** Has workers serve and is no node itself. */
async function supervise(settings: Settings): Promise<void> {
  Logger.overrideLogger(consoleLog(settings.production, settings.logLevel));
  const { host, port, tls } = settings.http;
  // A worker would say so, too, but of itself: in a later one, wrong files are no reason to end the others.
  if (tls !== undefined) readTlsFiles(tls);
  const shared = {
    ...generatedEnvironment(settings),
    PORT: String(await portToShare(host, port)),
  };
  const workers = new Workers(
    settings.workers,
    () => fork(shared),
    new Logger('Workers'),
    shutdownLimit(settings) + GRACE,
  );
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      workers.stop();
    });
  }
  if (tls !== undefined) {
    process.on('SIGHUP', () => {
      workers.hangUp();
    });
  }
  const { status, reason } = await workers.run((port) => {
    announce(settings, port);
  });
  if (reason !== undefined) process.stderr.write(refusal(reason));
  process.exit(status);
}

function shutdownLimit({ websocket, rabbitmq }: Settings): number {
  return websocket.drainTimeout + (rabbitmq?.publishTimeout ?? 0) + SHUTDOWN_LIMIT;
}

function announce(settings: Settings, port: number): void {
  process.stdout.write(`${announcement(settings, port)}\n`);
}

/** What to do first, for whoever started it. */
function announcement(settings: Settings, port: number): string {
  const { rabbitmq, generated, http, console, workers } = settings;
  const base = `${http.tls === undefined ? 'http' : 'https'}://localhost:${String(port)}`;
  const key = generated.serviceKey ?? '<service key>';
  const url = `${base}${http.globalPrefix}/websocket/token?uniqueId=user-1&clientType=H5`;
  const lines = [
    '',
    rabbitmq === undefined
      ? 'Wirepost runs on its embedded log and queues, in memory, for trying and developing. Set AMQP_URL for RabbitMQ.'
      : `Wirepost runs on RabbitMQ${workers > 1 ? `, with ${String(workers)} workers` : ''}.`,
    '',
    ...(console ? [`  console         ${base}${http.globalPrefix}/console`] : []),
    `  get a token     curl -H "Authorization: Bearer ${key}" "${url}"`,
    `  REST calls      ${base}/docs`,
    `  health          ${base}/health/ready`,
  ];
  if (generated.serviceKey !== undefined) {
    lines.push(`  service key     ${generated.serviceKey}   (development, for this run only)`);
  }
  if (generated.secret && rabbitmq !== undefined) {
    lines.push('  JWT_SECRET is not set: tokens of this node are good at this node only.');
  }
  return `${lines.join('\n')}\n`;
}

async function stop(app: WirepostApp, limit: number, logger: Logger): Promise<void> {
  logger.log('stopping');
  setTimeout(() => {
    logger.error('the shutdown took too long');
    process.exit(1);
  }, limit).unref();
  await app.stop();
  process.exit(0);
}

function refusal(reason: string): string {
  return `Wirepost does not start: ${reason}\n`;
}

/** A worker that cannot read its certificate is tried again: it may come in the middle of a rotation. */
function isConfiguration(error: unknown): boolean {
  return error instanceof SettingsError || (error instanceof TlsFilesError && !isOwnWorker());
}

main().catch((error: unknown) => {
  const reason = error instanceof Error ? error.message : String(error);
  const status = isConfiguration(error) ? EX_CONFIG : 1;
  if (isOwnWorker() && process.send !== undefined) {
    // The primary says it, once for all workers.
    process.send({ kind: 'failed', reason } satisfies Failed, () => process.exit(status));
  } else {
    process.stderr.write(refusal(reason));
    process.exit(status);
  }
});
