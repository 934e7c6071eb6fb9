import { join } from 'node:path';

import type { RabbitMqNode } from '../support/rabbitmq-node';
import { eachIsCaught } from './broken-build-run';
import { brokenBuilds, moreBrokenBuilds } from './broken-builds';
import { patched } from './build';

describe('a gateway that', () => {
  eachIsCaught(brokenBuilds);
});

describe('every broken build, also of the full run', () => {
  const none = undefined as unknown as RabbitMqNode;
  const builds = [...brokenBuilds(none), ...moreBrokenBuilds(none)];
  it.each(builds.map(({ name, patches }) => [name, patches] as const))(
    'finds its lines: %s',
    (_name, patches) => {
      for (const { file } of patches) expect(patched(join('src', file), patches)).not.toBe('');
    },
  );
});
