import { onSharedBroker } from '../support/shared-broker';
import { pushAndResume } from './push-and-resume';

describe('push and resume on RabbitMQ', () => {
  pushAndResume(onSharedBroker);
});
