import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';

import { transformSync } from '@swc/core';

import { runFolder } from '../support/run-folder';

/** A change to the text of one file under `src`, which must stand there exactly once. */
export interface Patch {
  /** Below `src`. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

const ROOT = resolve(__dirname, '../..');
const HANDLERS = 'test/faults/programs/faulty-handlers.ts';
/** Gateways of the fault suite have handlers of its own beside the samples. */
const WITH_FAULTY_HANDLERS: Patch = {
  file: 'app.module.ts',
  find: 'const BUSINESS_MODULES = [',
  replace: `import { FaultyHandlersModule } from '../${HANDLERS.replace('.ts', '')}';
const BUSINESS_MODULES = [FaultyHandlersModule,`,
};

/**
 * Builds a gateway from `src` with patches, in a folder of its own, and returns the path of its program. Throws when a
 * text does not stand exactly once where it should: then the patch must follow the source.
 */
export function buildGateway(patches: readonly Patch[] = []): string {
  const folder = mkdtempSync(join(runFolder(), 'build-'));
  const sources = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join('src', name));
  const all = [WITH_FAULTY_HANDLERS, ...patches];
  for (const name of [...sources, HANDLERS]) {
    const text = patched(name, all);
    const target = join(folder, name.replace(/\.ts$/, '.js'));
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, compiled(text));
  }
  for (const name of ['node_modules', 'dist']) symlinkSync(join(ROOT, name), join(folder, name));
  copyFileSync(join(ROOT, 'package.json'), join(folder, 'package.json'));
  return join(folder, 'src/main.js');
}

/** The text of a file with those patches that are for it. */
export function patched(name: string, patches: readonly Patch[]): string {
  return patches
    .filter(({ file }) => join('src', file) === name)
    .reduce(applied, readFileSync(join(ROOT, name), 'utf8'));
}

function applied(text: string, { file, find, replace }: Patch): string {
  const times = text.split(find).length - 1;
  if (times !== 1)
    throw new Error(`src/${file}: ${JSON.stringify(find)} stands ${String(times)} times, not once`);
  return text.replace(find, () => replace);
}

function compiled(text: string): string {
  return transformSync(text, {
    jsc: {
      parser: { syntax: 'typescript', decorators: true },
      transform: { legacyDecorator: true, decoratorMetadata: true },
      target: 'es2022',
    },
    module: { type: 'commonjs' },
  }).code;
}
