import { clientsOfAUser } from './clients-of-a-user';

describe('the connections of a user, without a broker,', () => {
  clientsOfAUser(() => ({}));
});
