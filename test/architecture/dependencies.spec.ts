import { readFileSync } from 'node:fs';

interface Installed {
  readonly version: string;
  readonly integrity?: string;
}

/**
 * Below these there are defects that a client or another program could use, or that lose messages; see the advisories of each.
 * ws: fragments that exhaust memory (CVE-2026-48779). Nest: newlines in events (CVE-2026-35515), guards that a HEAD request or an
 * encoded path passed by. middie: the same (CVE-2026-2293). jsonwebtoken: `none` by default, mixed key types (CVE-2022-23540).
 * class-validator: unknown values taken for valid (CVE-2019-18413). class-transformer: prototypes. amqplib: confirms that never
 * come, a crash under backpressure.
 */
const MINIMUM: Readonly<Record<string, string>> = {
  ws: '8.21.1',
  '@nestjs/core': '11.1.19',
  '@nestjs/platform-fastify': '11.1.19',
  '@nestjs/platform-ws': '11.2.6',
  '@fastify/middie': '9.1.0',
  jsonwebtoken: '9.0.3',
  'class-validator': '0.14.0',
  'class-transformer': '0.3.1',
  amqplib: '2.3.0',
  '@golevelup/nestjs-rabbitmq': '9.0.2',
};

function isOlder(version: string, than: string): boolean {
  // A version before its release is as old as it can be.
  if (!/^\d+\.\d+\.\d+$/.test(version)) return true;
  const [a, b] = [version, than].map((text) => text.split('.').map(Number));
  for (let i = 0; i < 3; i += 1) {
    const difference = (a?.[i] ?? 0) - (b?.[i] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  return false;
}

/** Every copy that is older than it may be, whoever asks for it, and what is not there at all. */
function outdated(packages: Readonly<Record<string, Installed>>): string[] {
  return Object.entries(MINIMUM).flatMap(([name, minimum]) => {
    const copies = Object.entries(packages).filter(([path]) =>
      path.endsWith(`node_modules/${name}`),
    );
    const old = copies.filter(([, { version }]) => isOlder(version, minimum));
    return copies.length === 0 ? [`${name} is missing`] : old.map(([path]) => path);
  });
}

describe('the dependencies that are locked', () => {
  const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8')) as {
    packages: Record<string, Installed>;
  };

  it('have none of the known defects', () => {
    expect(outdated(packages)).toEqual([]);
  });

  it('are what they were when they were locked: each has its hash', () => {
    const { '': _, ...installed } = packages;
    expect(Object.keys(installed).length).toBeGreaterThan(100);
    for (const [path, { integrity }] of Object.entries(installed))
      expect([path, integrity]).toEqual([path, expect.stringMatching(/^sha512-/)]);
  });

  it.each([
    ['node_modules/ws', '8.21.0'],
    ['node_modules/somebody/node_modules/ws', '7.5.9'],
    ['node_modules/amqplib', '0.10.9'],
    ['node_modules/ws', '9.0.0-rc.1'],
  ])('would be found out with %s %s', (path, version) => {
    expect(outdated({ ...packages, [path]: { version } })).toEqual([path]);
  });
});
