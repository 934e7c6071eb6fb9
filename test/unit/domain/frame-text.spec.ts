import { findName, isNameAt } from '../../../src/domain/log/frame-text';

describe('a name in a frame', () => {
  /** Some are what others look like when they are written as JSON or as UTF-8. */
  const names = [
    '',
    'u',
    'user-1',
    'user-2',
    'user-10',
    '"',
    '\\"',
    '\\\\\\"',
    '\\u0001',
    '\u0001',
    '\u007f',
    'a"b',
    'a\\"b',
    'é',
    'Ã©',
    '用户',
    '\ud83d\ude00',
    '\ud83d',
    '\\ud83d',
    'x'.repeat(30),
  ];
  const frame = (name: string): Buffer =>
    Buffer.from(`\u0081~{"u":"","toUniqueId":${JSON.stringify(name)},"content":{"u":1}}`);
  const placeOf = (name: string): { start: number; end: number } => {
    const bytes = frame(name);
    const place = findName(bytes, 12, bytes.length, name);
    const start = 12 + Math.floor(place / 1024);
    return { start, end: start + (place % 1024) };
  };

  it.each(names)('is found where it stands: %j', (name) => {
    const { start, end } = placeOf(name);
    expect(JSON.parse(frame(name).toString('utf8', start, end))).toBe(name);
  });

  it.each(names)('is taken for no other one: %j', (name) => {
    const { start, end } = placeOf(name);
    const others = [...new Set(names)].filter((other) => isNameAt(frame(name), start, end, other));
    expect(others).toEqual([name]);
  });

  it('is not found beyond the end, nor when it is too long or too far to say', () => {
    const bytes = frame('user-1');
    expect(findName(bytes, 0, bytes.indexOf('user-1'), 'user-1')).toBe(0);
    for (const [length, isFound] of [
      [1021, true],
      [1022, false],
    ] as const) {
      const name = 'x'.repeat(length);
      expect(findName(frame(name), 0, 2000, name) > 0).toBe(isFound);
    }
    const far = Buffer.concat([Buffer.alloc(2 ** 22), bytes]);
    expect(findName(far, 0, far.length, 'user-1')).toBe(0);
    expect(findName(far, 2 ** 22, far.length, 'user-1')).not.toBe(0);
  });
});
