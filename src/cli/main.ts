/** Composition root of the command line: connects the use cases with files, the engine and this process. */
import { relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';
import { version } from '../../package.json';
import { compare } from '../app/compare/compare';
import { runExperiments } from '../app/experiments/experiment';
import { applyFix, undoFix } from '../app/fixes';
import { fixSnippet } from '../app/fixSnippet';
import { diagnose } from '../app/diagnose';
import { staticLook } from '../app/look/staticLook';
import { saveShards } from '../app/parallel/saveShards';
import { previewFix } from '../app/preview';
import { scan } from '../app/scan/scan';
import { shrink } from '../app/shrink/shrink';
import { writeShrunk } from '../app/shrink/writeShrunk';
import { lint } from '../app/source/lint';
import { toPayload } from '../core/errors';
import { createEngine } from '../runtime/client/engine';
import { nodeFiles } from '../runtime/files/nodeFiles';
import { sourceFiles } from '../runtime/files/sourceFiles';
import { bundledParser, loadPython } from '../runtime/python/parser';
import { parseReport } from '../vscode/savedReport';
import type { Context } from './context';
import { printFailure } from './output';
import { runCli } from './run';
import { createTerminal } from './terminal';

/** A loop that something keeps alive after the work is done is ended after this time, in milliseconds. */
const lingerMs = 1000;

const args = process.argv.slice(2);
const terminal = createTerminal(process.stdout, process.stderr, process.env);
const stop = new AbortController();

const context: Context = {
  version,
  terminal,
  work: {
    diagnose,
    applyFix,
    undoFix,
    previewFix,
    fixSnippet,
    shrink,
    writeShrunk,
    staticLook,
    lint,
    compare,
    runExperiments,
    scan,
    saveShards,
  },
  files: nodeFiles,
  readReport: async (path) => parseReport(await nodeFiles.readFile(path), nodeFiles.basename(path)),
  // The parser's WebAssembly lies beside the bundle too.
  source: { files: sourceFiles, python: () => loadPython(bundledParser(fileURLToPath(new URL('.', import.meta.url)))) },
  signal: stop.signal,
  // The bundles lie side by side; the worker is the only one that loads the engine.
  createDeps: (options) => ({
    engine: createEngine({ workerPath: fileURLToPath(new URL('./worker.js', import.meta.url)), options }),
    files: nodeFiles,
  }),
  resolvePath: (path) => resolve(path),
  relativePath: (file) => {
    const from = relative(process.cwd(), file);
    return from === '' || from.startsWith('..') ? file : from;
  },
  log,
};

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    if (stop.signal.aborted) {
      // Asked twice: the child notices that its parent is gone and ends by itself.
      process.exit(3);
    }
    stop.abort();
  });
}

process.on('uncaughtException', (error) => {
  void fail(error);
});

/** For bug reports; a stack trace is not what a person wants to see first. */
async function log(error: unknown): Promise<void> {
  if ((process.env.NANOSCOPE_LOG ?? '') !== '') {
    await terminal.err(`${inspect(error)}\n`);
  }
}

async function fail(error: unknown): Promise<void> {
  await log(error);
  await printFailure(terminal, toPayload(error), args.includes('--json'));
  process.exit(3);
}

void runCli(context, args).then((code) => {
  process.exitCode = code;
  setTimeout(() => process.exit(code), lingerMs).unref();
});
