/** Runs the command line: in this process with work of the test's own, or as a process with everything real. */
import { spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFile, mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { onTestFinished } from 'vitest';
import type { Context } from '../../src/cli/context';
import { runCli } from '../../src/cli/run';
import { createTerminal, type TextStream } from '../../src/cli/terminal';
import { parserFiles } from './pythonParser';

export interface Outcome {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

class Sink implements TextStream {
  text = '';
  constructor(
    readonly isTTY: boolean,
    readonly columns: number,
  ) {}
  write(text: string, done: () => void): boolean {
    this.text += text;
    done();
    return true;
  }
  on(): void {
    // A string cannot fail.
  }
}

export interface InProcess {
  readonly work?: Partial<Context['work']>;
  readonly files?: Context['files'];
  readonly source?: Context['source'];
  readonly readReport?: Context['readReport'];
  readonly tty?: boolean;
  readonly env?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  /** Told what limits a command gives its engine. */
  readonly onDeps?: (options: Parameters<Context['createDeps']>[0]) => void;
}

/** `args` as after `nanoscope`; paths resolve against `/home/person`. */
export async function runHere(args: readonly string[], world: InProcess = {}): Promise<Outcome> {
  const stdout = new Sink(world.tty ?? false, 100);
  const stderr = new Sink(world.tty ?? false, 100);
  const unexpected = (): Promise<never> => Promise.reject(new Error('This test did not expect any work.'));
  const code = await runCli(
    {
      version: '1.2.3',
      terminal: createTerminal(stdout, stderr, world.env ?? {}),
      work: {
        diagnose: unexpected,
        applyFix: unexpected,
        undoFix: unexpected,
        previewFix: unexpected,
        fixSnippet: unexpected,
        shrink: unexpected,
        writeShrunk: unexpected,
        staticLook: unexpected,
        lint: unexpected,
        saveShards: unexpected,
        compare: unexpected,
        runExperiments: unexpected,
        scan: unexpected,
        ...world.work,
      },
      files: world.files ?? noFiles,
      readReport: world.readReport ?? unexpected,
      source: world.source ?? { files: { find: unexpected, read: unexpected }, python: unexpected },
      signal: world.signal ?? new AbortController().signal,
      createDeps: (options) => {
        world.onDeps?.(options);
        return { engine: { start: noEngine }, files: world.files ?? noFiles };
      },
      resolvePath: (path) => (path.startsWith('/') ? path : `/home/person/${path}`),
      relativePath: (file) => file.replace(/^\/home\/person\//, ''),
      log: () => Promise.resolve(),
    },
    args,
  );
  return { code, out: stdout.text, err: stderr.text };
}

function noEngine(): never {
  throw new Error('This test has no engine.');
}

const noFile = (): Promise<never> => Promise.reject(new Error('This test has no files.'));

const noFiles: Context['files'] = {
  open: noFile,
  readFile: noFile,
  exists: () => Promise.resolve(false),
  list: () => Promise.resolve(null),
  realPath: noFile,
  writeAtomic: noFile,
  stage: noFile,
  keepAs: noFile,
  replaceBy: noFile,
  identity: noFile,
  isWritable: noFile,
  exclusively: noFile,
  removeLeftovers: noFile,
  makeFolder: noFile,
  remove: noFile,
  sha256: () => {
    throw new Error('This test has no files.');
  },
  join: (...parts) => parts.join('/'),
  dirname,
  basename: (path) => path.split('/').at(-1) ?? '',
};

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

let built: Promise<string> | undefined;

/**
 * Path of a `cli.js` with its `worker.js` beside it, bundled as the build does, kept under `node_modules/.cache`
 * (from where Node finds the engine) in a folder named after the content.
 */
export function cliBundle(): Promise<string> {
  built ??= bundleCli();
  return built;
}

async function bundleCli(): Promise<string> {
  const bundle = async (entry: string): Promise<Uint8Array> => {
    const { outputFiles } = await build({
      entryPoints: [join(root, entry)],
      bundle: true,
      platform: 'node',
      target: 'node20',
      format: 'cjs',
      external: ['onnxruntime-node'],
      define: { 'import.meta.url': 'bundleUrl' },
      banner: { js: "const bundleUrl = require('node:url').pathToFileURL(__filename).href;" },
      write: false,
      logLevel: 'silent',
    });
    const contents = outputFiles[0]?.contents;
    if (contents === undefined) throw new Error(`esbuild made nothing of ${entry}`);
    return contents;
  };
  const [cli, worker] = await Promise.all([bundle('src/cli/main.ts'), bundle('src/runtime/worker/main.ts')]);
  const hash = createHash('sha256').update(cli).update(worker).digest('hex').slice(0, 16);
  const cache = join(root, 'node_modules', '.cache', 'nanoscope-test');
  const folder = join(cache, `cli-${hash}`);
  const path = join(folder, 'cli.js');
  if (await exists(path)) return path;
  await mkdir(cache, { recursive: true });
  await removeStale(cache);
  const temporary = `${folder}.${String(process.pid)}.tmp`;
  await mkdir(temporary, { recursive: true });
  await writeFile(join(temporary, 'cli.js'), cli);
  await writeFile(join(temporary, 'worker.js'), worker);
  await mkdir(join(temporary, 'python'));
  for (const file of [parserFiles.core, parserFiles.grammar])
    await copyFile(file, join(temporary, 'python', basename(file)));
  // Another test file may have been faster; then its copy is the same.
  await rename(temporary, folder).catch(() => rm(temporary, { recursive: true, force: true }));
  return path;
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

const staleMs = 24 * 60 * 60 * 1000;

async function removeStale(cache: string): Promise<void> {
  for (const name of (await readdir(cache)).filter((entry) => entry.startsWith('cli-'))) {
    const path = join(cache, name);
    const info = await stat(path).catch(() => undefined);
    if (info !== undefined && Date.now() - info.mtimeMs > staleMs) await rm(path, { recursive: true, force: true });
  }
}

export interface AsProcess {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Called with the running process, for signals and closed pipes. */
  readonly during?: (child: ChildProcess) => void;
}

/** A test that ran out of time leaves no process behind; one that leads a group takes the group along. */
export function endWithTest(child: ChildProcess, group = false): void {
  onTestFinished(() => {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    process.kill(group ? -child.pid : child.pid, 'SIGKILL');
  });
}

/** `node cli.js ...args` with pipes; resolves when it has ended. */
export async function runProcess(args: readonly string[], options: AsProcess = {}): Promise<Outcome> {
  const cli = await cliBundle();
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [cli, ...args], {
      cwd: options.cwd,
      env: { PATH: process.env.PATH, HOME: process.env.HOME, ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    endWithTest(child);
    let out = '';
    let err = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
    child.on('error', reject);
    child.on('close', (code) => {
      resolve({ code, out, err });
    });
    options.during?.(child);
  });
}
