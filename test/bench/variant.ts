import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

/** A text in a file of `dist`, and what stands there instead. */
export interface Change {
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

/**
 * Copies the built program, with one text changed, and returns the path of the copy: to compare the product with itself
 * without a setting for it. Throws when the text does not stand there exactly once: then the change must follow the source.
 */
export function variantOf({ file, find, replace }: Change): string {
  const folder = mkdtempSync(join(tmpdir(), 'wirepost-variant-'));
  process.once('exit', () => {
    rmSync(folder, { recursive: true, force: true });
  });
  for (const name of ['dist', 'package.json'])
    cpSync(resolve(name), join(folder, name), { recursive: true });
  symlinkSync(resolve('node_modules'), join(folder, 'node_modules'));
  const path = join(folder, 'dist', file);
  const parts = readFileSync(path, 'utf8').split(find);
  if (parts.length !== 2)
    throw new Error(`${JSON.stringify(find)} does not stand once in dist/${file}`);
  writeFileSync(path, parts.join(replace));
  return join(folder, 'dist/main.js');
}
