/**
 * The benchmark. Bundles the worker and the programs below into `node_modules/.cache`, so that it runs on a clean
 * checkout after `npm ci`, and exits with 1 when a limit is not kept.
 *
 *   node test/bench/run.mjs              time and memory of the probes, float16, and the 1 GB model
 *   node test/bench/run.mjs probes       only the probes
 *   node test/bench/run.mjs half         what true rounding of float16 costs
 *   node test/bench/run.mjs big          only the 1 GB model (needs 2 GB of free disk under the temporary folder)
 *   node test/bench/run.mjs compare      a comparison against its variants run alone
 *   node test/bench/run.mjs panel        frames of the panel's page in Chromium
 *   node test/bench/run.mjs candidates   compares possible probe operations; BENCH_* variables choose variants
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..', '..');
const out = path.join(root, 'node_modules', '.cache', 'nanoscope-bench');
/** @type {Readonly<Record<string, string>>} */
const programs = {
  probes: 'probes.ts',
  half: 'half.ts',
  big: 'big.ts',
  compare: 'compare.ts',
  panel: 'panel.ts',
  candidates: 'candidates.ts',
};

const asked = process.argv.slice(2);
const unknown = asked.find((name) => !Object.hasOwn(programs, name));
if (unknown !== undefined) {
  console.error(`There is no benchmark called ${unknown}; there are ${Object.keys(programs).join(', ')}.`);
  process.exit(2);
}

mkdirSync(out, { recursive: true });
/**
 * What finds files from where it stands in the repository must find them from a bundle too.
 * @type {import('esbuild').Plugin}
 */
const ownFolder = {
  name: 'own-folder',
  setup: (bundling) => {
    bundling.onLoad({ filter: /[\\/]test[\\/].*\.ts$/ }, async ({ path: file }) => ({
      contents: (await readFile(file, 'utf8')).replaceAll('import.meta.dirname', JSON.stringify(path.dirname(file))),
      loader: 'ts',
    }));
  },
};
/**
 * @param {string} entry
 * @param {string} name
 */
const bundle = (entry, name) => {
  const outfile = path.join(out, name);
  return build({
    absWorkingDir: root,
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    external: ['onnxruntime-node', 'playwright-core', 'esbuild'],
    plugins: [ownFolder],
    logLevel: 'warning',
  }).then(() => outfile);
};

const worker = await bundle('src/runtime/worker/main.ts', 'worker.cjs');
const plainLoad = await bundle('test/bench/support/plainLoad.ts', 'plainLoad.cjs');
let status = 0;
for (const name of asked.length > 0 ? asked : ['probes', 'half', 'big']) {
  const program = await bundle(`test/bench/${programs[name]}`, `${name}.cjs`);
  const result = spawnSync(process.execPath, [program, worker, plainLoad], { stdio: 'inherit' });
  status = Math.max(status, result.status ?? 1);
}
process.exit(status);
