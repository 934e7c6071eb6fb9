import { eachIsSurvived } from './scenario-run';

describe('nothing is lost, repeated, reordered or stuck', () => {
  eachIsSurvived(['partitions', 'tokens', 'replies', 'backlog', 'channels', 'gateway']);
});
