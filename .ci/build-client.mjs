// Bundles what browsers load: the SDK into dist/client and the console into dist/console. `--size` writes nothing and
// only checks that the SDK is within its budget.
import { build } from 'esbuild';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { gzipSync } from 'node:zlib';

/** Bytes of the SDK for a script tag, by gzip. */
const BUDGET = 6000;
/** Chrome 80, Safari 14.1, Firefox 74 and newer: webviews are older than browsers. */
const SDK_TARGET = 'es2020';
const CONSOLE_TARGET = 'es2022';

const { version } = JSON.parse(readFileSync('package.json', 'utf8'));

/** The SDK: for a script tag (global `wirepost`), and as an ES module beside the CommonJS and types that tsc makes. */
async function bundleSdk(write) {
  const common = {
    entryPoints: ['src/client/index.ts'],
    bundle: true,
    target: SDK_TARGET,
    legalComments: 'none',
    // Fields are assigned: no field of the SDK depends on being defined, and defining takes 200 bytes.
    tsconfigRaw: { compilerOptions: { useDefineForClassFields: false } },
    banner: { js: `/* wirepost ${version}, MIT licence */` },
    write,
  };
  const script = await build({
    ...common,
    format: 'iife',
    globalName: 'wirepost',
    minify: true,
    outfile: 'dist/client/wirepost.js',
  });
  await build({ ...common, format: 'esm', minify: true, outfile: 'dist/client/wirepost.mjs' });
  await build({ ...common, format: 'esm', outfile: 'dist/client/index.mjs' });
  if (write) writeFileSync('dist/client/index.d.mts', "export * from './index.js';\n");
  return script;
}

async function checkSize() {
  const { outputFiles } = await bundleSdk(false);
  const { length } = gzipSync(outputFiles[0].contents, { level: 9 });
  process.stdout.write(`wirepost.js: ${length} of ${BUDGET} bytes by gzip\n`);
  if (length > BUDGET) process.exitCode = 1;
}

/**
 * The console, if there is one: what index.html names by `src` or `href` and lies beside it is bundled (.ts, .css) or
 * copied, under a name with a hash. Names in the page are relative to /console without a slash at its end.
 */
async function bundleConsole() {
  const folder = 'src/console';
  if (!existsSync(join(folder, 'index.html'))) return;
  const page = readFileSync(join(folder, 'index.html'), 'utf8');
  refuseInline(page);
  const reference = /\b(src|href)="([^":#?]+)"/g;
  const local = [...page.matchAll(reference)]
    .map(([, , name]) => name)
    .filter((name) => existsSync(join(folder, name)));
  rmSync('dist/console', { recursive: true, force: true });
  const { metafile } = await build({
    entryPoints: local.map((name) => join(folder, name)),
    bundle: true,
    splitting: true,
    minify: true,
    format: 'esm',
    target: CONSOLE_TARGET,
    outdir: 'dist/console',
    outbase: folder,
    entryNames: '[name]-[hash]',
    chunkNames: '[name]-[hash]',
    assetNames: '[name]-[hash]',
    loader: { '.svg': 'copy', '.png': 'copy', '.woff2': 'copy' },
    legalComments: 'none',
    metafile: true,
  });
  const built = new Map();
  for (const [file, { entryPoint }] of Object.entries(metafile.outputs))
    if (entryPoint !== undefined) built.set(entryPoint, basename(file));
  const html = page.replace(reference, (whole, attribute, name) => {
    const file = built.get(join(folder, name));
    return file === undefined ? whole : `${attribute}="console/${file}"`;
  });
  mkdirSync('dist/console', { recursive: true });
  writeFileSync('dist/console/index.html', html);
}

/** The console's content security policy would block it in the browser; better to see it here. */
function refuseInline(page) {
  const inline = /<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)/i.exec(page);
  if (inline !== null) throw new Error(`src/console/index.html has something inline: ${inline[0]}`);
}

if (process.argv.includes('--size')) await checkSize();
else {
  await bundleSdk(true);
  await bundleConsole();
}
