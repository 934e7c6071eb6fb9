import { signal } from '@preact/signals';

import { en, type Key } from './en';
import { zh } from './zh';

export const LANGUAGES = { en: 'English', zh: '简体中文' } as const;
export type Language = keyof typeof LANGUAGES;

const DICTIONARIES: Readonly<Record<Language, Readonly<Record<Key, string>>>> = { en, zh };
const TAGS: Readonly<Record<Language, string>> = { en: 'en', zh: 'zh-CN' };
/** Where the choice is kept over a reload. */
const STORED = 'wirepost.language';

/** A text of the dictionary with what fills its braces; what is shown follows the language at once. */
export interface Text {
  readonly key: Key;
  readonly values?: Readonly<Record<string, string | number>>;
}

export const language = signal<Language>(preferred());

export function setLanguage(chosen: Language): void {
  language.value = chosen;
  document.documentElement.lang = TAGS[chosen];
  try {
    localStorage.setItem(STORED, chosen);
  } catch {
    // Forbidden by the user: the choice holds until the page is left.
  }
}

export function t(key: Key, values: Text['values'] = {}): string {
  return DICTIONARIES[language.value][key].replace(/\{(\w+)\}/g, (whole, name: string) =>
    String(values[name] ?? whole),
  );
}

export function say({ key, values }: Text): string {
  return t(key, values);
}

function preferred(): Language {
  try {
    const stored = localStorage.getItem(STORED);
    if (stored === 'en' || stored === 'zh') return stored;
  } catch {
    // As if there were none.
  }
  return navigator.language.startsWith('zh') ? 'zh' : 'en';
}
