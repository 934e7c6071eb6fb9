import { eachIsSurvived } from './scenario-run';

describe('nothing is lost, repeated, reordered or stuck', () => {
  eachIsSurvived(['tokens', 'replies', 'backlog', 'channels', 'gateway']);
});
