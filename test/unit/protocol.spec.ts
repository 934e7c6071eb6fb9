import { readFileSync } from 'node:fs';

import { CloseCode, shouldReconnect } from '../../src/protocol/close-codes';
import { ERRORS } from '../../src/protocol/codes';
import {
  endOfEntry,
  formatCursor,
  isAfter,
  parseCursor,
  positionOf,
} from '../../src/protocol/cursor';
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

describe('cursor text', () => {
  it('tells the messages of one log entry apart, in the order of numbers', () => {
    const texts = [0, 1, 2, 500, 998].map((member) => formatCursor(positionOf(7, member), 5));
    expect(texts).toEqual(['7-5', '7.001-5', '7.002-5', '7.500-5', '7.998-5']);
    const cursors = [...texts, formatCursor(8, 5)].map((text) => parseCursor(text));
    cursors.forEach((cursor, i) => {
      const next = cursors[i + 1];
      if (cursor === undefined) throw new Error('not a cursor');
      if (next === undefined) return;
      expect(isAfter(next, cursor)).toBe(true);
      expect(isAfter(cursor, next)).toBe(false);
    });
  });

  it('is exact up to the largest offset, for every message of an entry', () => {
    for (const entry of [0, 1, 4095, 123_456_789, 2 ** 42 - 1]) {
      for (let member = 0; member <= 998; member += 1) {
        const position = positionOf(entry, member);
        expect(parseCursor(formatCursor(position, 0))?.offset).toBe(position);
      }
      expect(positionOf(entry, 998)).toBeLessThan(endOfEntry(entry));
      expect(endOfEntry(entry)).toBeLessThan(entry + 1);
    }
  });
});
