/**
 * `npm test`: does its own set-up, runs every suite, ends with one line `N passed, N failed`.
 *
 *   npm test                        everything
 *   npm test -- --only unit,cli     these suites
 *   npm test -- --list              the suites
 *
 * Checks (build, typecheck, lint, format, imports) count as one test each. What cannot run counts as failed and
 * says why; a skipped test and a test file that no suite ran count as failed too.
 */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { root } from './lib/root.mjs';
import { runCaptured } from './lib/run.mjs';
import { ensureEditor, ensureNode, ensurePackages, ensureSystem } from './lib/setup.mjs';
import { countVitest } from './lib/count.mjs';

/** @typedef {import('./lib/count.mjs').Tally} Tally */
/** @typedef {'dist' | 'chromium' | 'python' | 'editor'} Need */
/**
 * @typedef {object} Suite
 * @property {string} name
 * @property {readonly string[]} [command] a check: passes when this ends with 0; else a vitest project of that name
 * @property {readonly Need[]} [needs]
 * @property {number} [minutes] after which it is ended
 */

const bin = (/** @type {string} */ file) => path.join(root, 'node_modules', file);
const tsc = bin('typescript/bin/tsc');

/** In the order of the output. @type {readonly Suite[]} */
const suites = [
  { name: 'build', command: ['scripts/build.mjs'] },
  { name: 'typecheck', command: [tsc, '-p', 'tsconfig.json'] },
  { name: 'typecheck-webview', command: [tsc, '-p', 'webview/tsconfig.json'] },
  { name: 'lint', command: [bin('eslint/bin/eslint.js'), '--max-warnings', '0', '.'] },
  { name: 'format', command: [bin('prettier/bin/prettier.cjs'), '--check', '.'] },
  {
    name: 'imports',
    command: [
      bin('dependency-cruiser/bin/dependency-cruise.mjs'),
      '--config',
      '.dependency-cruiser.cjs',
      'src',
      'webview',
    ],
  },
  { name: 'unit', needs: ['python'] },
  { name: 'runtime', needs: ['dist', 'python'], minutes: 30 },
  { name: 'cli', needs: ['dist', 'python'], minutes: 20 },
  { name: 'dap', needs: ['python'], minutes: 10 },
  { name: 'webview', needs: ['dist', 'chromium'], minutes: 15 },
  { name: 'editor', needs: ['dist', 'chromium', 'python', 'editor'], minutes: 25 },
  { name: 'package', needs: ['dist', 'chromium', 'editor'], minutes: 15 },
];

const { values: flags } = parseArgs({ options: { only: { type: 'string' }, list: { type: 'boolean' } } });
if (flags.list) {
  console.log(suites.map(({ name }) => name).join('\n'));
  process.exit(0);
}
const only = flags.only?.split(',').map((name) => name.trim());
const unknown = only?.filter((name) => !suites.some((suite) => suite.name === name)) ?? [];
if (unknown.length > 0) {
  console.error(`No such suite: ${unknown.join(', ')}. There are: ${suites.map(({ name }) => name).join(', ')}.`);
  process.exit(2);
}
const chosen = suites.filter(({ name }) => !only || only.includes(name));

/** @type {Map<string, Tally>} */
const tallies = new Map();
const started = Date.now();
const temporary = mkdtempSync(path.join(os.tmpdir(), 'nanoscope-test-'));
try {
  const unmet = await setUp();
  // Two cores: the checks beside the tests that leave room for them; editors and browsers alone.
  const checks = chosen.filter((suite) => suite.command && suite.name !== 'build');
  const light = chosen.filter(({ name }) => ['unit', 'runtime', 'cli', 'dap'].includes(name));
  const heavy = chosen.filter((suite) => !suite.command && !light.includes(suite));
  await Promise.all([inTurn(checks, unmet), inTurn(light, unmet)]);
  await inTurn(heavy, unmet);
  if (!only) section('test files', everyFileRan());
} catch (error) {
  section('set-up', { passed: 0, failed: 1, files: [], text: error instanceof Error ? error.message : String(error) });
} finally {
  rmSync(temporary, { recursive: true, force: true });
}

const total = [...tallies.values()].reduce(
  (sum, { passed, failed }) => ({ passed: sum.passed + passed, failed: sum.failed + failed }),
  { passed: 0, failed: 0 },
);
console.log(`\n=== summary (${Math.round((Date.now() - started) / 1000)} s)`);
for (const [name, { passed, failed }] of tallies) {
  console.log(`${failed > 0 ? 'FAIL' : 'ok  '} ${name.padEnd(18)} ${passed} passed, ${failed} failed`);
}
process.exitCode = total.failed === 0 && total.passed > 0 ? 0 : 1;
console.log(`${total.passed} passed, ${total.failed} failed`);

/**
 * Installs and builds what the chosen suites need.
 *
 * @returns {Promise<ReadonlyMap<Need, string>>} what could not be had, and why
 */
async function setUp() {
  console.log('=== set-up');
  ensureNode();
  await ensurePackages();
  /** @type {Map<Need, string>} */
  const unmet = new Map();
  const needs = new Set(chosen.flatMap((suite) => suite.needs ?? []));
  const build = suites[0];
  if (build && (needs.has('dist') || chosen.includes(build))) {
    const tally = await runSuite(build);
    section(build.name, tally);
    if (tally.failed > 0) unmet.set('dist', 'the build failed');
  }
  /** @type {readonly [Need, () => Promise<unknown>][]} */
  const steps = [
    ['chromium', () => ensureSystem(['chromium'])],
    ['python', () => ensureSystem(['python'])],
    ['editor', () => ensureEditor()],
  ];
  for (const [need, ensure] of steps) {
    if (!needs.has(need)) continue;
    try {
      await ensure();
    } catch (error) {
      unmet.set(need, error instanceof Error ? error.message : String(error));
    }
  }
  return unmet;
}

/** @param {readonly Suite[]} list @param {ReadonlyMap<Need, string>} unmet */
async function inTurn(list, unmet) {
  for (const suite of list) {
    const lacking = (suite.needs ?? []).flatMap((need) => unmet.get(need) ?? []);
    const tally =
      lacking.length > 0
        ? { passed: 0, failed: 1, files: [], text: `Could not run: ${lacking.join(' ')}` }
        : await runSuite(suite);
    section(suite.name, tally);
  }
}

/** @param {Suite} suite @returns {Promise<Tally>} */
async function runSuite(suite) {
  const limitMs = (suite.minutes ?? 10) * 60_000;
  const results = path.join(temporary, `${suite.name}.json`);
  const command = suite.command ?? [
    bin('vitest/vitest.mjs'),
    ...['run', '--project', suite.name],
    ...['--reporter=default', '--reporter=json', `--outputFile.json=${results}`],
  ];
  const env = process.stdout.isTTY ? process.env : { ...process.env, NO_COLOR: '1', FORCE_COLOR: '0' };
  const { code, output, late } = await runCaptured(process.execPath, command, { limitMs, env });
  const text = output.trim() + (late ? `\nEnded after ${limitMs / 60_000} minutes.` : '');
  if (suite.command) {
    return { passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1, files: [], text: code === 0 ? '' : text };
  }
  return countVitest(results, code, text);
}

/** @param {string} name @param {Tally} tally */
function section(name, tally) {
  tallies.set(name, tally);
  console.log(`\n=== ${name}: ${tally.passed} passed, ${tally.failed} failed`);
  if (tally.text) console.log(tally.text);
}

/** Compares the test files on disk with those that the suites ran. @returns {Tally} */
function everyFileRan() {
  const ran = new Set([...tallies.values()].flatMap(({ files }) => files));
  const forgotten = readdirSync(path.join(root, 'test'), { recursive: true })
    .map((name) => path.join(root, 'test', String(name)))
    .filter((file) => /\.(test|spec)\.[cm]?[jt]sx?$/.test(file) && !file.includes(`${path.sep}node_modules${path.sep}`))
    .filter((file) => !ran.has(file));
  if (forgotten.length === 0) return { passed: 1, failed: 0, files: [], text: '' };
  const list = forgotten.map((file) => `  ${path.relative(root, file)}`).join('\n');
  return { passed: 0, failed: 1, files: [], text: `These test files ran in no suite:\n${list}` };
}
