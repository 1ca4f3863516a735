/**
 * How fast hazards are found: `npm run build && node test/bench/lint.mjs`.
 *
 * 100,000 lines in a terminal, of the kind where every line counts; and one file of 5,000 lines that somebody types in:
 * the longest time for which the editor's extensions wait.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import * as esbuild from 'esbuild';
import { root } from '../../scripts/lib/root.mjs';

const folder = mkdtempSync(path.join(os.tmpdir(), 'nanoscope-bench-'));
try {
  const hazards = path.join(root, 'test/fixtures/python/hazards');
  const source = ['masks.py', 'numbers.py'].map((name) => readFileSync(path.join(hazards, name), 'utf8')).join('\n');
  const lines = source.split('\n').length;
  const copies = Math.ceil(100_000 / lines);
  for (let copy = 0; copy < copies; copy++) writeFileSync(path.join(folder, `module${copy}.py`), source);
  const start = performance.now();
  const { stdout } = spawnSync(process.execPath, [path.join(root, 'dist/cli.js'), 'lint', folder, '--json'], {
    encoding: 'utf8',
    maxBuffer: 1 << 30,
  });
  const seconds = (performance.now() - start) / 1000;
  /** @type {import('../../src/app/source/lint').LintResult} */
  const result = JSON.parse(stdout);
  const found = result.results.reduce((sum, { hazards: here }) => sum + here.length, 0);
  console.log(`terminal: ${result.lines} lines, ${found} hazards, ${seconds.toFixed(1)} s (limit 10)`);

  const bundle = path.join(folder, 'bundle.mjs');
  await esbuild.build({
    stdin: {
      contents: `export { loadPython } from './src/runtime/python/parser';
                 export { examine, findHazards } from './src/core/python/findings';
                 export { classesIn } from './src/core/python/modules/classes';
                 export { findingPlaces } from './src/app/source/findingPlaces';`,
      resolveDir: root,
    },
    bundle: true,
    platform: 'node',
    format: 'esm',
    outfile: bundle,
    logLevel: 'error',
  });
  const { loadPython, examine, findHazards, classesIn, findingPlaces } =
    /** @type {typeof import('../../src/runtime/python/parser') & typeof import('../../src/core/python/findings') & typeof import('../../src/core/python/modules/classes') & typeof import('../../src/app/source/findingPlaces')} */ (
      await import(pathToFileURL(bundle).href)
    );
  const parser = await loadPython({
    core: path.join(root, 'node_modules/web-tree-sitter/web-tree-sitter.wasm'),
    grammar: path.join(root, 'node_modules/tree-sitter-python/tree-sitter-python.wasm'),
  });
  let text = source
    .repeat(Math.ceil(5000 / lines))
    .split('\n')
    .slice(0, 5000)
    .join('\n');
  /** Of this process, in milliseconds: what other programs take does not count. */
  const processor = () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1000;
  };
  /**
   * @template Result
   * @param {Generator<void, Result>} steps
   */
  const slices = (steps) => {
    /** @type {number[]} */
    const times = [];
    /** @type {number[]} */
    const clock = [];
    for (;;) {
      const begin = [processor(), performance.now()];
      const step = steps.next();
      times.push(processor() - (begin[0] ?? 0));
      clock.push(performance.now() - (begin[1] ?? 0));
      if (step.done === true) return { times, clock, value: step.value };
    }
  };
  const rounds = [];
  for (let round = 0; round < 16; round++) {
    const parsed = slices(parser.parsing(text));
    const searched = slices(findHazards(parsed.value));
    const times = [...parsed.times, ...searched.times];
    const waited = Math.max(...parsed.clock, ...searched.clock);
    rounds.push({ waited, longest: Math.max(...times), whole: times.reduce((a, b) => a + b, 0) });
    // Most keys change a word; three quotes at the top make the whole file another one, and back.
    const at = text.indexOf('softmax', (round * 15_000) % text.length);
    const quotes = '"""';
    if (round % 4 === 2) text = text.startsWith(quotes) ? text.slice(3) : quotes + text;
    else text = `${text.slice(0, at)}x${text.slice(at)}`;
  }
  const [first = { waited: 0, longest: 0, whole: 0 }, ...later] = rounds;
  const worst = Math.max(...later.map(({ longest }) => longest));
  const whole = later.map(({ whole: ms }) => ms).sort((a, b) => a - b)[Math.floor(later.length / 2)] ?? 0;
  console.log(
    `typing in 5,000 lines, processor time: opened ${first.longest.toFixed(0)} ms at a time (${first.whole.toFixed(0)} in all), ` +
      `then at most ${worst.toFixed(0)} ms at a time (limit 50; ${whole.toFixed(0)} in all)`,
  );
  const waited = Math.max(...later.map(({ waited: ms }) => ms));
  console.log(
    `on the clock: opened ${first.waited.toFixed(0)} ms at a time, then at most ${waited.toFixed(0)} (limit 50 on an idle machine)`,
  );

  // What a trace of 61 layers found on lines of that file, as it is marked anew after each look.
  const tree = slices(parser.parsing(text)).value;
  const known = slices(examine(tree)).value;
  const named = text.split('\n').flatMap((line, at) => (line.includes('softmax(') ? [at + 1] : []));
  const findings = Array.from({ length: 122 }, (_, layer) => ({
    node: `layers.${String(layer)}.attention`,
    op: 'softmax',
    source: { file: 'module.py', line: named[layer % 12] },
  }));
  const report = /** @type {import('../../src/core/report').Report} */ (
    /** @type {unknown} */ ({ engine: { name: 'pytorch' }, origins: findings, spread: [] })
  );
  const marks = [];
  for (let round = 0; round < 8; round++) {
    const begin = processor();
    const places = findingPlaces(report, { path: 'module.py', file: classesIn(tree), isSource: false }, known);
    if (places.length !== findings.length) throw new Error('a finding has no place');
    marks.push(processor() - begin);
  }
  console.log(`marks of ${String(findings.length)} findings: ${Math.max(...marks.slice(1)).toFixed(0)} ms (limit 50)`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
