/**
 * `npm start`: from a clean clone to the diagnosis in the terminal and the extension in an editor.
 *
 *   npm start                    table in the terminal, then the editor on the demo workspace
 *   npm start -- --no-editor     stops after the table
 *   npm start -- --browser       the editor in a browser even where a desktop VS Code is at hand
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { startServer } from '../test/workbench/server.mjs';
import { root } from './lib/root.mjs';
import { runVisible, works } from './lib/run.mjs';
import { ensureBuilt, ensureEditor, ensureNode, ensurePackages } from './lib/setup.mjs';

const { values: flags } = parseArgs({ options: { 'no-editor': { type: 'boolean' }, browser: { type: 'boolean' } } });
const demo = path.join(root, 'media/demo');
const padded = ['--lengths', '5,35', '--pad', 'left'];

try {
  ensureNode();
  await ensurePackages();
  await ensureBuilt();
  console.log('\nA batch of 5 and 35 tokens, padded on the left, through a small model in the shape of Kimi K2:\n');
  await diagnose(['builtin:kimi-k2-mini', ...padded]);
  console.log('\nThe same through 61 layers:\n');
  await diagnose(['builtin:kimi-k2-mini?layers=61', ...padded, '--rows', '1,15,33', '--no-fixes']);
  if (!flags['no-editor']) await openEditor();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}

/** @param {readonly string[]} args */
async function diagnose(args) {
  console.log(`$ nanoscope diagnose ${args.map((arg) => (/[?*]/.test(arg) ? `"${arg}"` : arg)).join(' ')}\n`);
  const code = await runVisible(process.execPath, [path.join(root, 'dist/cli.js'), 'diagnose', ...args]);
  // 1 is the answer here: the batch was made to be sick.
  if (code !== 0 && code !== 1) throw new Error(`The diagnosis ended with ${code}.`);
}

async function openEditor() {
  if (!flags.browser && works('code')) {
    console.log('\nOpening VS Code on the demo workspace.');
    await runVisible('code', ['--new-window', `--extensionDevelopmentPath=${root}`, demo]);
    return;
  }
  const installed = await ensureEditor();
  const home = mkdtempSync(path.join(os.tmpdir(), 'nanoscope-start-'));
  const server = await startServer({ installed, home, extensions: [root] }).catch((/** @type {unknown} */ error) => {
    rmSync(home, { recursive: true, force: true });
    throw error;
  });
  const url = `${server.url}?folder=${encodeURIComponent(demo)}`;
  console.log(
    `\nVS Code with NaNoscope runs at\n\n  ${url}\n\nRight-click sick.onnx and choose Diagnose with NaNoscope, or press F1 and type NaNoscope. Ctrl+C here ends it.`,
  );
  if (process.env.DISPLAY || process.env.WAYLAND_DISPLAY) {
    spawn('xdg-open', [url], { stdio: 'ignore', detached: true })
      .on('error', () => undefined)
      .unref();
  }
  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
    process.once(signal, () => void server.stop());
  }
  await server.exited;
  rmSync(home, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
}
