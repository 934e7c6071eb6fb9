import { onSharedBroker } from '../support/shared-broker';
import { upstream } from './upstream';

describe('upstream and handlers on RabbitMQ', () => {
  upstream(onSharedBroker);
});
