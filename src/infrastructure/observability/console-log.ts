import { ConsoleLogger } from '@nestjs/common';

/** The gravest first. */
export const LOG_LEVELS = ['error', 'warn', 'log', 'debug', 'verbose'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Writes what is of this level or graver to stdout and stderr, in production as JSON. */
export function consoleLog(production: boolean, level: LogLevel): ConsoleLogger {
  const logLevels = LOG_LEVELS.slice(0, LOG_LEVELS.indexOf(level) + 1);
  return new ConsoleLogger({ json: production, logLevels: [...logLevels, 'fatal'] });
}
