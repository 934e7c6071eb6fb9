import { en } from '../../../src/console/language/en';
import { zh } from '../../../src/console/language/zh';

/** The names in braces, in whatever order a language needs them. */
function gaps(text: string): readonly string[] {
  return [...text.matchAll(/\{(\w+)\}/g)].map(([whole]) => whole).sort();
}

describe('the console in two languages', () => {
  it('has the same texts in both', () => {
    expect(Object.keys(zh)).toEqual(Object.keys(en));
  });

  it('fills the same names into each text', () => {
    for (const [key, text] of Object.entries(en))
      expect([key, gaps(zh[key as keyof typeof en])]).toEqual([key, gaps(text)]);
  });

  it('leaves no text empty, and none untranslated but names', () => {
    const names = ['lane.wirepost', 'frame.fresh'];
    for (const [key, text] of Object.entries(zh)) {
      expect(text.trim()).not.toBe('');
      if (!names.includes(key))
        expect([key, text]).toEqual([key, expect.stringMatching(/[一-鿿]/)]);
    }
  });
});
