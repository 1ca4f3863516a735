/**
 * What a clean clone lacks, brought step by step. Each step is instant when there is nothing to do, says what it
 * does otherwise, and throws one sentence that names the command to run where it cannot do it itself.
 *
 * Imports nothing but Node: it runs before anything is installed.
 */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { ensureWorkbench } from '../../test/workbench/install.mjs';
import { root } from './root.mjs';
import { runCaptured, works } from './run.mjs';

const minute = 60_000;

/** @param {string} line */
const say = (line) => console.log(line);

/** The packages of `package-lock.json`; nothing is compiled or downloaded besides them. */
export async function ensurePackages() {
  if (packagesAreCurrent()) return;
  say('Installing packages (npm ci)');
  await step('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], 15 * minute);
}

/** Whether `node_modules` holds what the lockfile names, by npm's own record of what it installed. */
function packagesAreCurrent() {
  const record = path.join(root, 'node_modules/.package-lock.json');
  if (!existsSync(record)) return false;
  /** @typedef {{ packages: Record<string, { version?: string; optional?: boolean; devOptional?: boolean; peer?: boolean }> }} Lock */
  /** @type {Lock} */
  const wanted = JSON.parse(readFileSync(path.join(root, 'package-lock.json'), 'utf8'));
  /** @type {Lock} */
  const present = JSON.parse(readFileSync(record, 'utf8'));
  return Object.entries(wanted.packages).every(([folder, { version, optional, devOptional }]) => {
    if (folder === '') return true;
    const found = present.packages[folder];
    // Binaries of other platforms are listed and not installed.
    return found ? found.version === version : (optional ?? false) || (devOptional ?? false);
  });
}

/** `dist/`, from the sources as they are now. */
export async function ensureBuilt() {
  await step(process.execPath, ['scripts/build.mjs'], 5 * minute);
}

/** @typedef {'chromium' | 'python'} SystemPart */

/** @type {Readonly<Record<SystemPart, { packages: readonly string[]; what: string; present: () => boolean }>>} */
const systemParts = {
  chromium: {
    packages: ['chromium'],
    what: 'Chromium, which webview and editor tests run in',
    present: () =>
      process.env.NANOSCOPE_CHROMIUM !== undefined ||
      ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'].some((name) => works(name)),
  },
  python: {
    packages: ['python3-torch', 'python3-numpy', 'python3-onnx', 'python3-debugpy'],
    what: 'Python with torch, numpy, onnx and debugpy, which results are checked against',
    // Looks the modules up without importing them: torch alone takes seconds.
    present: () =>
      works('/usr/bin/python3', [
        '-c',
        'import importlib.util as u, sys; sys.exit(any(u.find_spec(m) is None for m in ("torch", "numpy", "onnx", "debugpy")))',
      ]),
  },
};

/**
 * Programs of the operating system that tests need. Installed through apt where that is possible.
 *
 * @param {readonly SystemPart[]} parts
 */
export async function ensureSystem(parts) {
  const missing = parts.map((part) => systemParts[part]).filter(({ present }) => !present());
  if (missing.length === 0) return;
  const packages = missing.flatMap((part) => part.packages);
  const command = `apt-get install --no-install-recommends ${packages.join(' ')}`;
  const what = missing.map((part) => part.what).join('; ');
  if (process.getuid?.() !== 0 || !works('apt-get')) {
    throw new Error(`Missing: ${what}. On Debian or Ubuntu: sudo ${command}`);
  }
  say(`Installing system packages: ${packages.join(' ')}`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  await step('apt-get', ['update', '-q'], 10 * minute, env);
  await step('apt-get', ['install', '-q', '-y', '--no-install-recommends', ...packages], 30 * minute, env);
  const still = missing.filter(({ present }) => !present());
  if (still.length > 0)
    throw new Error(`Still missing after the installation: ${still.map((part) => part.what).join('; ')}.`);
}

/** The editor that tests and `npm start` run in where there is no desktop VS Code. */
export async function ensureEditor() {
  return ensureWorkbench(say);
}

/** @throws Error in words when this Node is too old */
export function ensureNode() {
  /** @type {{ engines: { node: string } }} */
  const { engines } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
  const [major = 0, minor = 0] = engines.node.replace('>=', '').split('.').map(Number);
  const [thisMajor = 0, thisMinor = 0] = process.versions.node.split('.').map(Number);
  if (thisMajor < major || (thisMajor === major && thisMinor < minor)) {
    throw new Error(`NaNoscope needs Node ${engines.node}, this is ${process.versions.node}.`);
  }
}

/**
 * @param {string} command @param {readonly string[]} args @param {number} limitMs @param {NodeJS.ProcessEnv} [env]
 * @returns {Promise<void>}
 */
async function step(command, args, limitMs, env) {
  const { code, output, late } = await runCaptured(command, args, env ? { limitMs, env } : { limitMs });
  if (code === 0) return;
  console.error(output.slice(-6000));
  const line = [path.basename(command), ...args].join(' ');
  throw new Error(late ? `"${line}" did not finish in ${limitMs / minute} minutes.` : `"${line}" ended with ${code}.`);
}
