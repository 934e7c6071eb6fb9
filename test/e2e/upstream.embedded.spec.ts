import { upstream } from './upstream';

describe('upstream and handlers on the embedded queues', () => {
  upstream(() => ({}));
});
