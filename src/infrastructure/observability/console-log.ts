import { ConsoleLogger, type LogLevel } from '@nestjs/common';

const LEVELS: readonly LogLevel[] = ['error', 'warn', 'log', 'debug', 'verbose'];

/** Writes what is of this level or graver to stdout and stderr, in production as JSON. */
export function consoleLog(production: boolean, level: LogLevel): ConsoleLogger {
  const logLevels = LEVELS.slice(0, LEVELS.indexOf(level) + 1);
  return new ConsoleLogger({ json: production, logLevels: [...logLevels, 'fatal'] });
}
