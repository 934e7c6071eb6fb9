import { resolve } from 'node:path';

/** The Node.js of the image in docker/, as `.ci/prepare.mjs` provides it. */
export const IMAGE_NODE = resolve('node_modules/.cache/image-node');
