/**
 * Bundles what ships, with esbuild.
 *
 *   node scripts/build.mjs             everything; an entry point that is missing is an error
 *   node scripts/build.mjs --watch     rebuilds on change, with source maps
 *   node scripts/build.mjs --partial   builds the entry points that can be built and names the others
 *
 * Also writes `dist/THIRD-PARTY-NOTICES.txt`: name, version and licence of every package that went into a bundle.
 */
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import * as esbuild from 'esbuild';
import { expressions } from './lib/expression.mjs';
import { root } from './lib/root.mjs';

const dist = path.join(root, 'dist');
const watch = process.argv.includes('--watch');
const partial = process.argv.includes('--partial');

/** @type {esbuild.BuildOptions} */
const common = {
  absWorkingDir: root,
  bundle: true,
  charset: 'utf8',
  legalComments: 'none',
  logLevel: 'warning',
  // Maps would ship the sources' paths; they are for development only.
  sourcemap: watch ? 'linked' : false,
  metafile: true,
};

/** @type {esbuild.BuildOptions} */
const node = {
  ...common,
  platform: 'node',
  format: 'cjs',
  target: 'node20',
  // The engine's native library stays a package of its own; `vscode` exists only inside the editor.
  external: ['vscode', 'onnxruntime-node'],
  // What runs in a debugged program travels as text.
  loader: { '.py': 'text' },
  // Sources may say `import.meta.url`; a CommonJS bundle has none.
  define: { 'import.meta.url': 'bundleUrl' },
  banner: { js: "const bundleUrl = require('node:url').pathToFileURL(__filename).href;" },
};

/** @type {esbuild.BuildOptions} */
const browser = {
  ...common,
  platform: 'browser',
  format: 'iife',
  target: 'chrome120',
  minify: !watch,
  define: { 'process.env.NODE_ENV': '"production"' },
};

/** @type {readonly { entry: string; out: string; options: esbuild.BuildOptions; executable?: boolean }[]} */
const targets = [
  { entry: 'src/extension.ts', out: 'extension.js', options: node },
  {
    entry: 'src/cli/main.ts',
    out: 'cli.js',
    options: { ...node, banner: { js: `#!/usr/bin/env node\n${String(node.banner?.js)}` } },
    executable: true,
  },
  { entry: 'src/runtime/worker/main.ts', out: 'worker.js', options: node },
  // Emits panel.css too: the page's style sheet is imported by its script.
  { entry: 'webview/panel/main.ts', out: 'webview/panel.js', options: browser },
  { entry: 'webview/debugView/main.ts', out: 'webview/tensors.js', options: browser },
];

const missing = targets.filter(({ entry }) => !existsSync(path.join(root, entry)));
if (missing.length > 0) {
  const names = missing.map(({ entry }) => entry).join(', ');
  if (!partial) fail(`Entry points are missing: ${names}. (--partial builds the others.)`);
  console.warn(`Not built, no such file: ${names}`);
}

// Nothing stale may ship; a partial build keeps what others built.
if (!partial) rmSync(dist, { recursive: true, force: true });
const contexts = [];
for (const target of targets) {
  if (missing.includes(target)) continue;
  const outfile = path.join(dist, target.out);
  const context = await esbuild.context({
    ...target.options,
    entryPoints: [target.entry],
    outfile,
    plugins: [expressions, ...(target.executable ? [executable(outfile)] : [])],
  });
  contexts.push(context);
}

/** WebAssembly that is read at run time, beside the bundles. */
const assemblies = ['web-tree-sitter/web-tree-sitter.wasm', 'tree-sitter-python/tree-sitter-python.wasm'];
mkdirSync(path.join(dist, 'python'), { recursive: true });
for (const file of assemblies)
  copyFileSync(path.join(root, 'node_modules', file), path.join(dist, 'python', path.basename(file)));

if (watch) {
  for (const context of contexts) await context.watch();
  console.log('Watching for changes; Ctrl+C ends.');
} else {
  /** @type {Set<string>} */
  const packages = new Set(assemblies.map((file) => `node_modules/${path.dirname(file)}`));
  for (const context of contexts) {
    // esbuild printed what is wrong.
    const built = await context.rebuild().catch(() => (partial ? null : fail('The build failed.')));
    for (const input of Object.keys(built?.metafile?.inputs ?? {})) {
      const owner = /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input)?.[0];
      if (owner) packages.add(owner);
    }
    await context.dispose();
  }
  mkdirSync(dist, { recursive: true });
  writeFileSync(path.join(dist, 'THIRD-PARTY-NOTICES.txt'), notices([...packages].sort()));
  report(dist);
}

/** @param {string} file @returns {esbuild.Plugin} */
function executable(file) {
  return {
    name: 'executable',
    setup(build) {
      build.onEnd(({ errors }) => {
        if (errors.length === 0) chmodSync(file, 0o755);
      });
    },
  };
}

/** @param {readonly string[]} folders of packages, relative to the root @returns {string} */
function notices(folders) {
  const parts = folders.map((folder) => {
    const absolute = path.join(root, folder);
    /** @type {{ name: string; version: string; license?: string }} */
    const manifest = JSON.parse(readFileSync(path.join(absolute, 'package.json'), 'utf8'));
    const file = readdirSync(absolute).find((name) => /^(licen[cs]e|copying)/i.test(name));
    const text = file ? readFileSync(path.join(absolute, file), 'utf8').trim() : '(the package has no licence file)';
    return `${manifest.name} ${manifest.version} (${manifest.license ?? 'licence not stated'})\n\n${text}\n`;
  });
  const head = 'NaNoscope bundles these packages, under their own licences.\n';
  return [head, ...parts].join(`\n${'-'.repeat(80)}\n\n`);
}

/** @param {string} folder */
function report(folder) {
  for (const name of readdirSync(folder, { recursive: true }).map(String).sort()) {
    if (!/\.(js|css)$/.test(name)) continue;
    const kilobytes = readFileSync(path.join(folder, name)).length / 1024;
    console.log(`${`dist/${name}`.padEnd(28)} ${kilobytes.toFixed(0).padStart(6)} KB`);
  }
}

/** @param {string} message @returns {never} */
function fail(message) {
  console.error(message);
  process.exit(1);
}
