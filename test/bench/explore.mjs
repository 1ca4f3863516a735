import { build } from 'esbuild';
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
const out = 'node_modules/.cache/nanoscope-test/';
mkdirSync(out, { recursive: true });
const common = {
  bundle: true,
  platform: 'node',
  target: 'node20',
  external: ['onnxruntime-node'],
  logLevel: 'warning',
};
await build({
  ...common,
  entryPoints: ['src/runtime/worker/main.ts'],
  format: 'cjs',
  outfile: out + 'bench-worker.cjs',
});
await build({ ...common, entryPoints: ['test/bench/explore.ts'], format: 'esm', outfile: out + 'explore.mjs' });
process.exit(spawnSync(process.execPath, [out + 'explore.mjs', out + 'bench-worker.cjs'], { stdio: 'inherit' }).status);
