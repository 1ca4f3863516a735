/** Builds the VSIX of this checkout once and unpacks it; shared by the tests of `test/package/`. */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { unzipSync } from 'fflate';
import { repositoryRoot } from './chromium';

export interface Vsix {
  /** The file itself. */
  readonly file: string;
  readonly bytes: number;
  /** Paths of all files inside, sorted. */
  readonly files: readonly string[];
  /** Folder of the unpacked extension. */
  readonly extension: string;
  remove(): void;
}

export async function buildVsix(): Promise<Vsix> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'nanoscope-vsix-'));
  const script = path.join(repositoryRoot, 'scripts/package.mjs');
  await promisify(execFile)(process.execPath, [script, '--out', folder], { cwd: repositoryRoot });
  const name = readdirSync(folder).find((entry) => entry.endsWith('.vsix'));
  if (name === undefined) throw new Error('npm run package wrote no .vsix.');
  const file = path.join(folder, name);
  const unpacked = unzipSync(readFileSync(file));
  for (const [entry, bytes] of Object.entries(unpacked)) {
    const target = path.join(folder, 'unpacked', entry);
    mkdirSync(path.dirname(target), { recursive: true });
    writeFileSync(target, bytes);
  }
  return {
    file,
    bytes: statSync(file).size,
    files: Object.keys(unpacked).sort(),
    extension: path.join(folder, 'unpacked/extension'),
    remove: () => {
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
