import { Logger } from '@nestjs/common';

/** Silences the adapters' log, which tells of every fault that a test makes; TEST_LOG_LEVEL brings it back. */
export function silence(): void {
  if (process.env['TEST_LOG_LEVEL'] === undefined) Logger.overrideLogger(false);
}
