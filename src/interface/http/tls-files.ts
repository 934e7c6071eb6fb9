import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext, type SecureContextOptions } from 'node:tls';

/** Paths of PEM files: the certificate, with those of its chain behind it, and its private key without a passphrase. */
export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
}

/** Nothing to serve with; the message is a sentence with the variable and the reason, and nothing of a file or its path. */
export class TlsFilesError extends Error {
  override readonly name = 'TlsFilesError';
}

/** Older ones are not to be used (RFC 8996). */
const MIN_VERSION = 'TLSv1.2';

/** ms before its end from which on a certificate is to be renewed. */
const SOON = 14 * 24 * 3600 * 1000;

/** What a server takes to be one of TLS; throws a TlsFilesError when the files do not give it. */
export function readTlsFiles(files: TlsFiles): SecureContextOptions & { readonly cert: Buffer } {
  const cert = read('TLS_CERT_FILE', files.cert);
  const key = read('TLS_KEY_FILE', files.key);
  const context = { cert, key, minVersion: MIN_VERSION } as const;
  // One after the other, since OpenSSL does not say which of them it cannot read.
  check({ cert }, 'TLS_CERT_FILE must hold a certificate in PEM, and those of its chain');
  check({ key }, 'TLS_KEY_FILE must hold a private key in PEM, without a passphrase');
  check(context, 'TLS_KEY_FILE must hold the key of the certificate in TLS_CERT_FILE');
  return context;
}

/** A sentence when a server's own certificate, the first one of its file, is not valid at `now` (ms since epoch) or not for long. */
export function validityWarning(cert: Buffer, now: number): string | undefined {
  const { validFrom, validTo } = new X509Certificate(cert);
  const [begin, end] = [Date.parse(validFrom), Date.parse(validTo)];
  if (now < begin) return `the certificate in TLS_CERT_FILE is not valid before ${day(begin)}`;
  if (now >= end) return `the certificate in TLS_CERT_FILE has expired on ${day(end)}`;
  if (now >= end - SOON) return `the certificate in TLS_CERT_FILE expires on ${day(end)}`;
  return undefined;
}

function day(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}

function read(variable: string, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new TlsFilesError(`${variable} cannot be read: ${codeOf(error)}.`);
  }
}

function check(options: SecureContextOptions, rule: string): void {
  try {
    createSecureContext(options);
  } catch (error) {
    throw new TlsFilesError(`${rule}: ${codeOf(error)}.`);
  }
}

/** Never the message: that of a file names its path. */
function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : 'no reason is known';
}
