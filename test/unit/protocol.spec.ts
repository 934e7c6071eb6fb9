import { readFileSync } from 'node:fs';

import { CloseCode, shouldReconnect } from '../../src/protocol/close-codes';
import { ERRORS } from '../../src/protocol/codes';
import { isDeeperThan } from '../../src/protocol/json-text';

describe('docs/protocol.md', () => {
  const text = readFileSync('docs/protocol.md', 'utf8');

  it('lists every error with its result, status and whether to retry', () => {
    const rows = [...text.matchAll(/^\| ([A-Z_]+) \| (\d+) \| (\d+) \| (yes|no) \|$/gm)];
    const documented = rows.map(([, code, result, http, retry]) => [
      code,
      Number(result),
      Number(http),
      retry === 'yes',
    ]);
    const actual = Object.entries(ERRORS).map(([code, row]) => [
      code,
      row.result,
      row.http,
      row.retryable,
    ]);
    expect(documented).toEqual(actual);
  });

  it('lists every close code of our own', () => {
    for (const code of Object.values(CloseCode)) {
      if (code !== CloseCode.NORMAL)
        expect(text).toMatch(new RegExp(`^\\| ${String(code)} \\|`, 'm'));
    }
  });
});

describe('the error table', () => {
  it('gives each code a result of its own that starts with its status', () => {
    const rows = Object.values(ERRORS);
    expect(new Set(rows.map((row) => row.result)).size).toBe(rows.length);
    for (const row of rows)
      expect(String(row.result)).toMatch(new RegExp(`^${String(row.http)}\\d\\d$`));
  });

  it('tells reconnect from stop by range', () => {
    for (const code of [1001, 1006, 1009, 1011, 1012, 1013, 4000, 4401, 4499])
      expect(shouldReconnect(code)).toBe(true);
    for (const code of [1000, 1008, 4500, 4999]) expect(shouldReconnect(code)).toBe(false);
  });
});

describe('isDeeperThan', () => {
  it.each([
    ['{}', 1, false],
    ['{"a":[]}', 1, true],
    ['{"a":"[[[[{{{{"}', 1, false],
    ['{"a":"\\"[[[["}', 1, false],
    ['{"a":"\\\\"},[[]]', 1, true],
    ['[1],[2],[3]', 1, false],
    ['['.repeat(33), 32, true],
    ['['.repeat(32), 32, false],
  ])('%s within %d: %p', (text, limit, expected) => {
    expect(isDeeperThan(limit, text)).toBe(expected);
  });
});
