import { eachIsCaught } from './broken-build-run';
import { brokenBuilds } from './broken-builds';

describe('a gateway that', () => {
  eachIsCaught(brokenBuilds);
});
