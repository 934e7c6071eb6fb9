import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

const [, major = ''] = /^FROM node:(\d+)-/m.exec(readFileSync('docker/Dockerfile', 'utf8')) ?? [];

/** The Node.js of the line that docker/ has, as `.ci/prepare.mjs` installs it. */
export const IMAGE_NODE = resolve(
  `node_modules/.cache/node-${major}/node_modules/node-${process.platform}-${process.arch}/bin/node`,
);
