import { execFileSync } from 'node:child_process';

interface Violation {
  readonly from: string;
  readonly to: string;
  readonly rule: { readonly name: string };
}

/** Runs dependency-cruiser with the project's rules in a folder that has a `src`. */
function violations(folder: string): readonly Violation[] {
  const root = process.cwd();
  const script = `
    import { cruise } from 'dependency-cruiser';
    import { createRequire } from 'node:module';
    const { forbidden, options } = createRequire(import.meta.url)(${JSON.stringify(`${root}/.dependency-cruiser.cjs`)});
    const { tsConfig, ...rest } = options;
    const result = await cruise(['src'], { ...rest, ruleSet: { forbidden }, validate: true, baseDir: ${JSON.stringify(folder)} });
    process.stdout.write(JSON.stringify(result.output.summary.violations));
  `;
  const output = execFileSync(process.execPath, ['--input-type=module', '-e', script], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  return JSON.parse(output) as readonly Violation[];
}

/** One violation planted per rule: the file at fault. */
const PLANTED: Readonly<Record<string, string>> = {
  'protocol-imports-nothing': 'src/protocol/frames.ts',
  'domain-is-pure': 'src/domain/pure.ts',
  'application-sees-domain': 'src/application/use-case.ts',
  'infrastructure-is-an-adapter': 'src/infrastructure/adapter.ts',
  'adapters-keep-apart': 'src/infrastructure/embedded/log.ts',
  'interface-is-an-adapter': 'src/interface/page.ts',
  'business-sees-the-contract': 'src/business/tea/tea.ts',
  'client-runs-in-a-browser': 'src/client/client.ts',
  'console-is-a-user-of-the-sdk': 'src/console/main.ts',
  'only-app-module-sees-all': 'src/infrastructure/shortcut.ts',
  'settings-come-as-slices': 'src/interface/http/reader.ts',
  'amqp-only-in-rabbitmq': 'src/infrastructure/observability/leak.ts',
  'ws-only-in-websocket': 'src/interface/http/socket.ts',
  'no-circles': 'src/protocol/a.ts',
};

describe('the layers', () => {
  it('are kept by every file of src', () => {
    expect(violations(process.cwd())).toEqual([]);
  });

  const found = violations(`${process.cwd()}/test/architecture/planted`);

  it.each([
    ['infrastructure-is-an-adapter', 'src/infrastructure/stranger.ts'],
    ['interface-is-an-adapter', 'src/interface/http/stranger.ts'],
  ])('are guarded by %s against packages that it does not name, too', (rule, file) => {
    expect(found.filter((one) => one.rule.name === rule).map((one) => one.from)).toContain(file);
  });

  it.each(Object.entries(PLANTED))('are guarded by %s, which finds %s', (rule, file) => {
    expect(found.filter((one) => one.rule.name === rule).map((one) => one.from)).toContain(file);
  });

  it('have a planted violation for every rule', () => {
    const config = jest.requireActual<{ forbidden: { name: string }[] }>(
      '../../.dependency-cruiser.cjs',
    );
    expect(config.forbidden.map((rule) => rule.name).sort()).toEqual(Object.keys(PLANTED).sort());
  });
});
