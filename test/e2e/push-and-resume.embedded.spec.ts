import { pushAndResume } from './push-and-resume';

describe('push and resume on the embedded log', () => {
  pushAndResume(() => ({}));
});
