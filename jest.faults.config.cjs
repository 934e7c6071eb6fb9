const base = require('./jest.config.cjs');

/** The whole fault suite, one run at a time: `npm test` has only the runs that are short. */
/** @type {import('jest').Config} */
module.exports = {
  ...base,
  testMatch: ['<rootDir>/test/faults/**/*.spec.ts', '<rootDir>/test/faults/**/*.long.ts'],
  // Minutes long, and by a command of its own: npm run test:soak.
  testPathIgnorePatterns: ['/node_modules/', 'soak\\.long'],
  maxWorkers: 1,
};
