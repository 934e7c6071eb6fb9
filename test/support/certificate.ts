import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

/** Writes `tls.key` and `tls.crt`, of this machine's loopback, signed by itself and valid for some days, into a folder. */
export function selfSigned(
  folder: string,
  days = 1,
): { readonly key: string; readonly cert: string } {
  const [key, cert] = [join(folder, 'tls.key'), join(folder, 'tls.crt')];
  const subject = [
    '-subj',
    '/CN=localhost',
    '-addext',
    'subjectAltName=DNS:localhost,IP:127.0.0.1',
  ];
  const options = [
    '-days',
    String(days),
    '-nodes',
    '-newkey',
    'rsa:2048',
    '-keyout',
    key,
    '-out',
    cert,
  ];
  execFileSync('openssl', ['req', '-x509', ...subject, ...options], { stdio: 'ignore' });
  return { key, cert };
}
