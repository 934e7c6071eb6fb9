import { createHmac, createSecretKey } from 'node:crypto';

import { JwtService } from '@nestjs/jwt';

import type { TokenClaims } from '../../../src/application/ports/token-service';
import { Refusal } from '../../../src/domain/errors';
import { DEFAULT_GRANTS } from '../../../src/domain/routing/send-permission';
import { Hs256Key, signedPayload } from '../../../src/infrastructure/security/hs256';
import { JwtTokenService } from '../../../src/infrastructure/security/jwt-token-service';
import { FakeClock } from '../../support/fake-clock';

const NEW = 'the-key-that-signs-since-this-morning';
const OLD = 'the-key-that-signed-until-this-morning';
const FOREIGN = 'the-key-of-somebody-else-altogether';
const USUAL = '{"alg":"HS256","typ":"JWT"}';
/** Says the same, but is not the form that is known without the library. */
const OTHER_ORDER = '{"typ":"JWT","alg":"HS256"}';

const clock = new FakeClock(1_700_000_000_400);
const NOW = 1_700_000_000;
const service = new JwtTokenService([NEW, OLD], clock);
const claims: TokenClaims = {
  identity: { uniqueId: 'é"1', clientType: 'H5' },
  tags: ['签'],
  businesses: ['b'],
  grants: { ...DEFAULT_GRANTS, multicast: true },
  cursor: '12-1700000000000',
  partition: '1',
  began: undefined,
  use: 'connect',
  id: 'id-1',
  expiresAt: (NOW + 60) * 1000,
  issuedAt: NOW * 1000 + 123,
  sessionTtl: 5000,
};

function base64url(text: string): string {
  return Buffer.from(text).toString('base64url');
}

function sign(header: string, payload: string, key: string, digest = 'sha256'): string {
  const text = `${base64url(header)}.${base64url(payload)}`;
  return `${text}.${createHmac(digest, key).update(text).digest('base64url')}`;
}

/** What comes of a token, as text. */
function outcome(token: string): string {
  try {
    return JSON.stringify(service.verify(token).claims);
  } catch (error) {
    return error instanceof Refusal ? error.code : String(error);
  }
}

/** The same choices in every run. */
function chooser(seed: number): <T>(choices: readonly [T, ...T[]]) => T {
  let state = seed;
  return (choices) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return choices[Math.floor((state / 2 ** 32) * choices.length)] ?? choices[0];
  };
}

type Choose = ReturnType<typeof chooser>;

const ABSENT = undefined;
const GOOD = {
  sub: 'u1',
  ct: 'H5',
  tg: ['a'],
  bs: ['b'],
  bt: ['#'],
  gr: 'cm',
  cu: '1-2',
  us: 'reconnect',
  jti: 'j',
  st: 1000,
};

/** The right value three times of four. */
function mostly<T>(choose: Choose, right: T, wrong: readonly [T, ...T[]]): T {
  return choose([true, true, true, false]) ? right : choose(wrong);
}

/** Right payloads, expired ones, and every kind of wrong one. */
function anyPayload(choose: Choose): string {
  const payload: Readonly<Record<string, unknown>> = {
    ...GOOD,
    exp: mostly<unknown>(choose, NOW + 60, [
      NOW + 1,
      NOW + 0.5,
      NOW,
      NOW,
      NOW - 1,
      0,
      '9999999999',
      null,
    ]),
    iss: mostly<unknown>(choose, 'wirepost', ['other', ['wirepost'], ABSENT]),
    aud: mostly<unknown>(choose, 'wirepost:socket', ['other', ['x', 'wirepost:socket'], ABSENT]),
    nbf: mostly<unknown>(choose, ABSENT, [NOW - 1, NOW + 1, 'soon']),
    [choose(['extra', 'extra', 'extra', 'sub', 'bt', 'st', 'us', 'tg'])]: choose<unknown>([
      ABSENT,
      'reconnect',
      7,
      ['x'],
      '',
    ]),
  };
  const text = JSON.stringify(payload);
  return mostly(choose, text, [`${text},`, `[${text}]`, 'null', '"text"', '']);
}

/** What somebody may do to the text of a token. */
function anyChange(choose: Choose): (token: string) => string {
  const none = (token: string): string => token;
  return mostly(choose, none, [
    (token) => token.slice(0, -1),
    (token) => `${token}=`,
    (token) => `${token}A`,
    (token) => `${token}.A`,
    (token) => `${token.slice(0, -1)}${token.endsWith('A') ? 'B' : 'A'}`,
    (token) => token.slice(0, token.lastIndexOf('.') + 1),
    (token) => token.slice(0, token.lastIndexOf('.')),
    (token) => token.replace('.', '..'),
    (token) => token.replace('.', '.e30'),
    (token) => ` ${token}`,
  ]);
}

describe('a token', () => {
  it('is good at every node while the secret is changed in the three rounds of docs/operations.md', () => {
    const rounds = [[OLD], [OLD, NEW], [NEW, OLD], [NEW]] as const;
    const nodes = rounds.map((secrets) => new JwtTokenService(secrets, clock));
    for (const [i, node] of nodes.entries()) {
      // Some have the round's secrets already, others still those of the one before.
      for (const other of nodes.slice(i, i + 2)) {
        expect(other.verify(node.issue(claims)).claims.id).toBe(claims.id);
        expect(node.verify(other.issue(claims)).claims.id).toBe(claims.id);
      }
    }
    // Without the first round.
    expect(() => nodes[0]?.verify(nodes[2]?.issue(claims) ?? '')).toThrow(Refusal);
  });

  it('says after signing what it was signed with, whatever it is used for', () => {
    for (const use of ['connect', 'reconnect'] as const) {
      expect(service.verify(service.issue({ ...claims, use })).claims).toEqual({ ...claims, use });
    }
  });

  it('is the same text by either way of signing, but for its use', () => {
    const [header, , ...rest] = service.issue(claims).split('.');
    const [other, payload] = service.issue({ ...claims, use: 'reconnect' }).split('.');
    expect(other).toBe(header);
    expect(rest).toHaveLength(1);
    const text = Buffer.from(payload ?? '', 'base64url').toString();
    const asConnect = sign(USUAL, text.replace('"us":"reconnect"', '"us":"connect"'), NEW);
    expect(asConnect).toBe(service.issue(claims));
  });

  it('that a welcome carries is one that the library verifies', () => {
    const token = service.issue({ ...claims, use: 'reconnect' });
    const library = new JwtService({ secret: createSecretKey(Buffer.from(NEW)) });
    const options = { issuer: 'wirepost', audience: 'wirepost:socket', clockTimestamp: NOW };
    expect(library.verify(token, { ...options, algorithms: ['HS256'] })).toMatchObject({
      sub: 'é"1',
      jti: 'id-1',
    });
  });

  it('is handed out again only to reconnect, and as long as its secret is the one that signs', () => {
    const reconnect = { ...claims, use: 'reconnect' } as const;
    const token = service.issue(reconnect);
    expect(service.verify(token)).toEqual({ claims: reconnect, reusable: token });
    expect(service.verify(service.issue(claims)).reusable).toBeUndefined();
    const [, payload = ''] = token.split('.');
    const text = Buffer.from(payload, 'base64url').toString();
    for (const other of [sign(USUAL, text, OLD), sign(OTHER_ORDER, text, NEW)])
      expect(service.verify(other)).toEqual({ claims: reconnect, reusable: undefined });
  });

  it('is whole whatever its length, and holds nothing of a longer one before it', () => {
    for (const length of [3000, 1, 700, 900, 1100, 1300, 1, 2500]) {
      const long = { ...claims, tags: ['签'.repeat(length)], use: 'reconnect' } as const;
      const token = service.issue(long);
      const [, payload = ''] = token.split('.');
      expect(token).toBe(sign(USUAL, Buffer.from(payload, 'base64url').toString(), NEW));
      expect(service.verify(token).claims).toEqual(long);
      expect(signedPayload(token, new Hs256Key(NEW))).toMatchObject({ tg: long.tags });
    }
  });

  it('is good until its second has come, not in it', () => {
    const expiring = (exp: number): string =>
      sign(USUAL, JSON.stringify({ ...GOOD, exp, iss: 'wirepost', aud: 'wirepost:socket' }), NEW);
    expect(outcome(expiring(NOW + 1))).toContain('"expiresAt"');
    expect(outcome(expiring(NOW))).toBe('TOKEN_EXPIRED');
  });

  it('is refused with any other algorithm, or none, whatever its key', () => {
    const payload = JSON.stringify({
      ...GOOD,
      exp: NOW + 60,
      iss: 'wirepost',
      aud: 'wirepost:socket',
    });
    const unsigned = `${base64url('{"alg":"none","typ":"JWT"}')}.${base64url(payload)}.`;
    expect(outcome(unsigned)).toBe('UNAUTHENTICATED');
    expect(outcome(unsigned.replace(/^[^.]*/, base64url(USUAL)))).toBe('UNAUTHENTICATED');
    for (const digest of ['sha384', 'sha512']) {
      const header = USUAL.replace('HS256', digest.replace('sha', 'HS'));
      expect(outcome(sign(header, payload, NEW, digest))).toBe('UNAUTHENTICATED');
      expect(outcome(sign(USUAL, payload, NEW, digest))).toBe('UNAUTHENTICATED');
    }
  });

  it('is decided alike with and without the library', () => {
    const choose = chooser(1);
    const outcomes = new Map<string, number>();
    for (let i = 0; i < 5000; i += 1) {
      const payload = anyPayload(choose);
      const key = choose([NEW, NEW, NEW, OLD, FOREIGN]);
      const change = anyChange(choose);
      const byForm = outcome(change(sign(USUAL, payload, key)));
      const byLibrary = outcome(change(sign(OTHER_ORDER, payload, key)));
      if (byForm !== byLibrary) throw new Error(`${payload} with ${key}: ${byForm}, ${byLibrary}`);
      const kind = byForm.startsWith('{') ? 'taken' : byForm;
      outcomes.set(kind, (outcomes.get(kind) ?? 0) + 1);
    }
    // Each outcome was met often enough to mean something.
    for (const kind of ['taken', 'TOKEN_EXPIRED', 'UNAUTHENTICATED'])
      expect(outcomes.get(kind)).toBeGreaterThan(100);
  });

  it('goes to the library whenever its header is not the usual one', () => {
    const key = new Hs256Key(NEW);
    expect(signedPayload(sign(USUAL, '{"a":1}', NEW), key)).toEqual({ a: 1 });
    expect(signedPayload(sign(OTHER_ORDER, '{"a":1}', NEW), key)).toBeUndefined();
    expect(signedPayload(sign(USUAL, '{"a":1}', FOREIGN), key)).toBeUndefined();
    expect(signedPayload(sign(USUAL, '{"a":', NEW), key)).toBeUndefined();
  });

  it('is signed as RFC 2104 says, with keys shorter and longer than a block and any text', () => {
    for (let length = 1; length <= 140; length += 1) {
      const key = 'é'.repeat(length % 3) + 'k'.repeat(length);
      for (const text of ['', 'a.b', 'š签'.repeat(length), 'x'.repeat(40 * length)]) {
        const expected = createHmac('sha256', key).update(text).digest('base64url');
        expect(new Hs256Key(key).signatureOf(text)).toBe(expected);
      }
    }
  });

  it('is refused when characters take the place of others with the same last byte', () => {
    const payload = { ...GOOD, exp: NOW + 60, iss: 'wirepost', aud: 'wirepost:socket' };
    const token = sign(USUAL, JSON.stringify(payload), NEW);
    expect(outcome(token)).toContain('"expiresAt"');
    for (let i = USUAL.length * 2; i < token.length; i += 1) {
      const other = String.fromCharCode(0x100 + token.charCodeAt(i));
      expect(outcome(token.slice(0, i) + other + token.slice(i + 1))).toBe('UNAUTHENTICATED');
    }
  });
});
