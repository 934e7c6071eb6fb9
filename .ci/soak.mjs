// npm run test:soak -- --minutes 10 --seed 1: random faults of every role for so long; a seed is made when none is given.
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '10' }, seed: { type: 'string' } },
});
const args = [
  'jest',
  '--config',
  'jest.faults.config.cjs',
  '--testPathIgnorePatterns',
  '/node_modules/',
  '--',
  'test/faults/soak.long.ts',
];
const { status } = spawnSync('npx', args, {
  stdio: 'inherit',
  env: {
    ...process.env,
    SOAK_MINUTES: values.minutes,
    ...(values.seed !== undefined && { SOAK_SEED: values.seed }),
  },
});
process.exit(status ?? 1);
