import { Logger } from '@nestjs/common';

/** Silences the adapters' log, which tells of every fault that a test makes. */
export function silence(): void {
  Logger.overrideLogger(false);
}
