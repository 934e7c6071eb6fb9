import { readFileSync } from 'node:fs';

/** The blocks of code of a language in a document, as they stand there. */
export function codeBlocks(document: string, language: string): readonly string[] {
  const block = new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms');
  return [...readFileSync(document, 'utf8').matchAll(block)].map(([, text = '']) => text);
}
