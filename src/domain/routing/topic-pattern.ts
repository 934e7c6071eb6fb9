/** Words and wildcards, as RabbitMQ's topic exchange knows them: `*` one word, `#` any number of words. */
export const TOPIC_PATTERN = /^(?:[A-Za-z0-9_-]+|\*|#)(?:\.(?:[A-Za-z0-9_-]+|\*|#))*$/;

/** True when one of the patterns fits a business type, or everything that another pattern fits. */
export function fitsTopic(patterns: readonly string[], text: string): boolean {
  const words = text.split('.');
  return patterns.some((pattern) => fits(pattern.split('.'), words));
}

/** On a mismatch only the last `#` is retried, one word further: at most words × words steps. */
function fits(pattern: readonly string[], words: readonly string[]): boolean {
  let [p, w, hash, from] = [0, 0, -1, 0];
  while (w < words.length) {
    if (pattern[p] === '#') {
      hash = p;
      from = w;
      p += 1;
    } else if (fitsWord(pattern[p], words[w])) {
      p += 1;
      w += 1;
    } else if (hash >= 0) {
      from += 1;
      w = from;
      p = hash + 1;
    } else return false;
  }
  return pattern.slice(p).every((word) => word === '#');
}

/** A `#` may be any number of words, so only another one is as wide. */
function fitsWord(pattern: string | undefined, word: string | undefined): boolean {
  return pattern === word || (pattern === '*' && word !== '#');
}
