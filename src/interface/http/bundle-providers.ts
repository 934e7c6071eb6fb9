import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Provider } from '@nestjs/common';

import { ClientBundle } from './client.controller';
import { ConsoleBundle } from './console.controller';
import { StaticFiles } from './static-files';

/** What the build has made for browsers, read from the package's root. */
export function bundleProviders(root: string, publicUrls: readonly string[]): Provider[] {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    version: string;
  };
  const client: ClientBundle = {
    version,
    files: StaticFiles.read(join(root, 'dist/client'), ['wirepost.js', 'wirepost.mjs']),
  };
  const console: ConsoleBundle = {
    files: StaticFiles.read(join(root, 'dist/console')),
    socketOrigins: [...new Set(publicUrls.map((url) => new URL(url).origin))],
  };
  return [
    { provide: ClientBundle, useValue: client },
    { provide: ConsoleBundle, useValue: console },
  ];
}
