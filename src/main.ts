import 'reflect-metadata';

import { Logger } from '@nestjs/common';

import { createApp, WirepostApp } from './app.module';
import { readSettings, SettingsError } from './settings';

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
  process.stdout.write(`${app.announcement()}\n`);
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
