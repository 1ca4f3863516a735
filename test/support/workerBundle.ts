/**
 * Bundles `src/runtime/worker/main.ts` for tests that need the real engine, without a build before. The bundle is
 * kept under `node_modules/.cache`, from where Node finds `onnxruntime-node`, in a file named after its content:
 * test files that run at the same time write the same bytes to the same place, by rename.
 */
import { createHash } from 'node:crypto';
import { mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const cache = join(root, 'node_modules', '.cache', 'nanoscope-test');
const STALE_MS = 24 * 60 * 60 * 1000;

let bundled: Promise<string> | undefined;

/** Absolute path of the worker bundle for `createEngine({ workerPath })`. */
export function workerBundle(): Promise<string> {
  bundled ??= bundle('src/runtime/worker/main.ts', 'worker');
  return bundled;
}

/** Bundles one entry of the repository as CommonJS for Node and returns the path of the result. */
export async function bundle(entry: string, name: string): Promise<string> {
  const result = await build({
    entryPoints: [join(root, entry)],
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    external: ['onnxruntime-node'],
    write: false,
    logLevel: 'silent',
  });
  const contents = result.outputFiles[0]?.contents;
  if (!contents) throw new Error(`esbuild made nothing of ${entry}`);
  await mkdir(cache, { recursive: true });
  const path = join(cache, `${name}-${createHash('sha256').update(contents).digest('hex').slice(0, 16)}.cjs`);
  if (await exists(path)) return path;
  await removeStale();
  const temporary = `${path}.${String(process.pid)}.tmp`;
  await writeFile(temporary, contents);
  await rename(temporary, path);
  return path;
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

/** Bundles of earlier versions of the source. */
async function removeStale(): Promise<void> {
  for (const name of await readdir(cache)) {
    const path = join(cache, name);
    const info = await stat(path).catch(() => undefined);
    if (info && Date.now() - info.mtimeMs > STALE_MS) await rm(path, { force: true });
  }
}
