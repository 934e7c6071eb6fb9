import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import {
  readTlsFiles,
  TlsFilesError,
  validityWarning,
} from '../../../src/interface/http/tls-files';
import { selfSigned } from '../../support/certificate';
import { runFolder } from '../../support/run-folder';

describe('the files of a certificate', () => {
  const folder = mkdtempSync(join(runFolder(), 'tls-files-'));
  const made = (name: string, days = 1): { readonly cert: string; readonly key: string } => {
    mkdirSync(join(folder, name));
    return selfSigned(join(folder, name), days);
  };
  const one = made('one');
  const other = made('other');
  const file = (name: string, content: string | Buffer): string => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };
  const half = (path: string): Buffer => readFileSync(path).subarray(0, 600);

  it('are what a server of TLS 1.2 or later takes, chain and all', () => {
    const chain = Buffer.concat([readFileSync(one.cert), readFileSync(other.cert)]);
    expect(readTlsFiles({ cert: file('chain.crt', chain), key: one.key })).toEqual({
      cert: chain,
      key: readFileSync(one.key),
      minVersion: 'TLSv1.2',
    });
  });

  it.each([
    [
      'is not valid yet',
      -2,
      /^the certificate in TLS_CERT_FILE is not valid before \d{4}-\d\d-\d\d$/,
    ],
    ['ends within 14 days', 0, /^the certificate in TLS_CERT_FILE expires on \d{4}-\d\d-\d\d$/],
    ['has ended', 2, /^the certificate in TLS_CERT_FILE has expired on \d{4}-\d\d-\d\d$/],
  ])('give a warning when the certificate %s', (_, days, sentence) => {
    // It is valid for a day from now on.
    const now = Date.now() + days * 24 * 3600 * 1000;
    expect(validityWarning(readFileSync(one.cert), now)).toMatch(sentence);
  });

  it('give none for a certificate that is valid for long, whatever is behind it in the chain', () => {
    const chain = Buffer.concat([readFileSync(made('long', 365).cert), readFileSync(one.cert)]);
    expect(validityWarning(chain, Date.now())).toBeUndefined();
  });

  it.each<[string, string, () => { cert: string; key: string }]>([
    ['no file', 'TLS_CERT_FILE cannot be read: ENOENT', () => ({ ...one, cert: '/nowhere' })],
    ['no key', 'TLS_KEY_FILE cannot be read: ENOENT', () => ({ ...one, key: '/nowhere' })],
    ['a folder', 'TLS_KEY_FILE cannot be read: EISDIR', () => ({ ...one, key: folder })],
    ['an empty file', 'TLS_CERT_FILE must hold', () => ({ ...one, cert: file('empty', '') })],
    ['an empty key', 'TLS_KEY_FILE must hold', () => ({ ...one, key: file('empty', '') })],
    ['the two exchanged', 'TLS_CERT_FILE must hold', () => ({ cert: one.key, key: one.cert })],
    ['a certificate twice', 'TLS_KEY_FILE must hold', () => ({ ...one, key: one.cert })],
    [
      'half a certificate',
      'TLS_CERT_FILE must hold',
      () => ({ ...one, cert: file('half.crt', half(one.cert)) }),
    ],
    [
      'half a certificate in the chain',
      'TLS_CERT_FILE must hold',
      () => ({
        ...one,
        cert: file('chain', Buffer.concat([readFileSync(one.cert), half(other.cert)])),
      }),
    ],
    [
      'half a key',
      'TLS_KEY_FILE must hold',
      () => ({ ...one, key: file('half.key', half(one.key)) }),
    ],
    [
      'a key with a passphrase',
      'TLS_KEY_FILE must hold a private key in PEM, without a passphrase',
      () => {
        const key = join(folder, 'secret.key');
        const args = ['rsa', '-aes128', '-passout', 'pass:word', '-in', one.key, '-out', key];
        execFileSync('openssl', args, { stdio: 'ignore' });
        return { ...one, key };
      },
    ],
    [
      'the key of another certificate',
      'TLS_KEY_FILE must hold the key of the certificate in TLS_CERT_FILE: ',
      () => ({ ...one, key: other.key }),
    ],
  ])('are refused with a sentence that tells nothing of them: %s', (_, sentence, filesOf) => {
    const files = filesOf();
    let error: unknown;
    try {
      readTlsFiles(files);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(TlsFilesError);
    const { message } = error as TlsFilesError;
    expect(message.startsWith(sentence)).toBe(true);
    // Codes only: neither a path nor a line of a file.
    expect(message).toMatch(/: [A-Z0-9_]+\.$/);
  });
});
