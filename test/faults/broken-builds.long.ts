import { eachIsCaught } from './broken-build-run';
import { moreBrokenBuilds } from './broken-builds';

describe('a gateway that', () => {
  eachIsCaught(moreBrokenBuilds);
});
