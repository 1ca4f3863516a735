/**
 * `npm run package`: builds and writes `nanoscope-TARGET-VERSION.vsix`.
 *
 *   node scripts/package.mjs                       for linux-x64
 *   node scripts/package.mjs --target darwin-arm64 for another platform; the engine's package holds all of them
 *   node scripts/package.mjs --out FOLDER          into another folder than the checkout
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { root } from './lib/root.mjs';
import { runCaptured } from './lib/run.mjs';
import { ensureBuilt, ensureNode, ensurePackages } from './lib/setup.mjs';

const { values: flags } = parseArgs({
  options: { target: { type: 'string', default: 'linux-x64' }, out: { type: 'string', default: root } },
});

try {
  ensureNode();
  await ensurePackages();
  await ensureBuilt();
  const file = await writePackage(flags.target, path.resolve(flags.out));
  console.log(`${file} (${(statSync(file).size / 1024 / 1024).toFixed(1)} MB)`);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}

/** @param {string} target as VS Code names platforms @param {string} folder @returns {Promise<string>} the file */
async function writePackage(target, folder) {
  // The folder shape is part of the engine: its binding requires ../bin/napi-v6/PLATFORM/ARCH from dist/.
  const binaries = `node_modules/onnxruntime-node/bin/napi-v6/${target.replace('-', '/')}`;
  if (!/^[a-z0-9]+-[a-z0-9]+$/.test(target) || !existsSync(path.join(root, binaries))) {
    throw new Error(`ONNX Runtime has no binaries for "${target}".`);
  }
  /** @type {{ name: string; version: string }} */
  const { name, version } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
  const file = path.join(folder, `${name}-${target}-${version}.vsix`);
  const temporary = mkdtempSync(path.join(os.tmpdir(), 'nanoscope-package-'));
  try {
    const ignore = path.join(temporary, 'ignore');
    writeFileSync(ignore, `${readFileSync(path.join(root, '.vscodeignore'), 'utf8')}!${binaries}/**\n`);
    const { code, output } = await runCaptured(
      process.execPath,
      [
        path.join(root, 'node_modules/@vscode/vsce/vsce'),
        ...['package', '--target', target, '--out', file, '--ignoreFile', ignore],
        ...['--allow-missing-repository', '--no-rewrite-relative-links', '--skip-license'],
      ],
      { limitMs: 300_000 },
    );
    if (code !== 0) throw new Error(`vsce failed:\n${output.trim()}`);
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
  return file;
}
