import 'reflect-metadata';

import { Logger } from '@nestjs/common';

import { createApp, type WirepostApp } from './app.module';
import { readSettings, type Settings, SettingsError } from './settings';

/** Exit status for a wrong configuration (EX_CONFIG of sysexits.h). */
const EX_CONFIG = 78;
/** ms after which a shutdown that hangs is ended. */
const SHUTDOWN_LIMIT = 30_000;

async function main(): Promise<void> {
  const settings = readSettings();
  const logger = new Logger('Wirepost');
  const app = await createApp(settings);
  process.on('unhandledRejection', (reason) => {
    logger.error(reason);
  });
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      stop(app, logger).catch((error: unknown) => {
        logger.error(error);
        process.exit(1);
      });
    });
  }
  await app.start();
  process.stdout.write(`${announcement(settings, app.port)}\n`);
}

/** What to do first, for whoever started it. */
function announcement({ rabbitmq, generated, http, console }: Settings, port: number): string {
  const base = `http://localhost:${String(port)}`;
  const key = generated.serviceKey ?? '<service key>';
  const url = `${base}${http.globalPrefix}/websocket/token?uniqueId=user-1&clientType=H5`;
  const lines = [
    '',
    rabbitmq === undefined
      ? 'Wirepost runs on its embedded log and queues, in memory, for trying and developing. Set AMQP_URL for RabbitMQ.'
      : 'Wirepost runs on RabbitMQ.',
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

async function stop(app: WirepostApp, logger: Logger): Promise<void> {
  logger.log('stopping');
  setTimeout(() => {
    logger.error('the shutdown took too long');
    process.exit(1);
  }, SHUTDOWN_LIMIT).unref();
  await app.stop();
  process.exit(0);
}

main().catch((error: unknown) => {
  const text = error instanceof Error ? error.message : String(error);
  process.stderr.write(`Wirepost does not start: ${text}\n`);
  process.exit(error instanceof SettingsError ? EX_CONFIG : 1);
});
