import type { Provider } from '@nestjs/common';
import type { RabbitMqSettings } from './rabbitmq/rabbitmq-settings';
export function brokerProviders(_r: RabbitMqSettings | undefined, _l: { maxBytes: number }): Provider[] {
  return [];
}
