import { isUtf8 } from 'node:buffer';

import { readJson } from '../../../src/application/json';
import { Refusal } from '../../../src/domain/errors';

/** The code of what is refused; nothing for what is read. */
function refusalOf(bytes: Buffer): string | undefined {
  try {
    readJson(bytes);
    return undefined;
  } catch (error) {
    return error instanceof Refusal ? `${error.code}: ${error.message}` : String(error);
  }
}

describe('JSON from bytes', () => {
  it('is read as JSON.parse reads its text, with the character that stands for what cannot be read', () => {
    for (const text of ['{"a":[1,null]}', '"\ufffd"', '["二","😀","\ufffd\ufffd"]', ' 7 '])
      expect(readJson(Buffer.from(text))).toEqual(JSON.parse(text));
  });

  it('is refused where it is not UTF-8, whichever byte is wrong', () => {
    const text = Buffer.from('{"a":"é二😀\ufffd","b":"x"}');
    for (let at = 0; at < text.length; at += 1) {
      for (const byte of [0x80, 0xbf, 0xc0, 0xc3, 0xe2, 0xed, 0xf0, 0xf5, 0xff]) {
        const bytes = Buffer.from(text);
        bytes[at] = byte;
        const refusal = refusalOf(bytes);
        if (isUtf8(bytes)) expect(refusal ?? '').not.toContain('UTF-8');
        else expect(refusal).toBe('BAD_JSON: the text is not UTF-8');
      }
    }
    for (let end = 0; end < text.length; end += 1) {
      const refusal = refusalOf(text.subarray(0, end));
      expect(refusal).toContain(isUtf8(text.subarray(0, end)) ? 'not JSON' : 'not UTF-8');
    }
  });

  it('is refused where it is no JSON or too deep', () => {
    expect(refusalOf(Buffer.from('{"a":}'))).toBe('BAD_JSON: the text is not JSON');
    expect(refusalOf(Buffer.from('['.repeat(33)))).toBe('TOO_DEEP: nested more than 32 deep');
  });
});
