import { eachIsSurvived } from './scenario-run';

describe('nothing is lost, repeated, reordered or stuck', () => {
  eachIsSurvived(['plain', 'reconnects', 'unbound', 'window', 'connections', 'broker']);
});
