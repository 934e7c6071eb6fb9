export { createApp, WirepostApp } from './app.module';
export { BusinessHandler, RetryableError } from './application/handlers/business-handler';
export { Message } from './domain/message/message';
export { RequireScope } from './interface/http/service-key.guard';
export { readSettings, SettingsError } from './settings';

export type {
  Handler,
  HandlerContext,
  HandlerOptions,
  HandlerResult,
  Outgoing,
  Push,
  Reply,
} from './application/handlers/business-handler';
export type { Json, UnifiedBody } from './protocol';
export type { Settings } from './settings';
