/**
 * Every fix in source is run: with Debian's PyTorch, the program's real tokens are NaN (or wrong) before, and those of
 * the samples without padding after. Torch 1.13 has no `scaled_dot_product_attention`: `merged.py` runs it written out.
 */
import { execFile } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { findHazards, type Hazard } from '../../../src/core/python/findings';
import { applied, sourceFixes } from '../../../src/core/python/fixes';
import { ended, type PythonTree } from '../../../src/core/python/syntax';
import type { PythonParser } from '../../../src/runtime/python/parser';
import { systemPython } from '../../support/python';
import { pythonParser } from '../../support/pythonParser';

const fixtures = path.join(path.dirname(fileURLToPath(import.meta.url)), '../../fixtures/python/fixes');

let folder = '';
let parser: PythonParser;
beforeAll(async () => {
  parser = await pythonParser();
  folder = mkdtempSync(path.join(tmpdir(), 'nanoscope fixes '));
  copyFileSync(path.join(fixtures, 'batch.py'), path.join(folder, 'batch.py'));
  mkdirSync(path.join(folder, 'transformers'));
  // Only what the programs ask of it.
  writeFileSync(
    path.join(folder, 'transformers', '__init__.py'),
    'class AutoTokenizer:\n    from_pretrained = staticmethod(lambda *given, **named: None)\n',
  );
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

function look(text: string): { tree: PythonTree; hazards: readonly Hazard[] } {
  const tree = parser.parse(text);
  return { tree, hazards: ended(findHazards(tree)) };
}

const outcome = z.object({ nan: z.int(), difference: z.number().nullable() });

/** NaN among the real tokens, and their largest difference from those without padding. */
async function run(text: string): Promise<z.infer<typeof outcome>> {
  const file = path.join(mkdtempSync(path.join(folder, 'p')), 'program.py');
  writeFileSync(file, text);
  const program =
    'import sys, json, runpy\n' +
    `sys.path.insert(0, ${JSON.stringify(folder)})\n` +
    `names = runpy.run_path(${JSON.stringify(file)})\n` +
    'import torch\n' +
    'padded, alone = names["padded"], names["alone"]\n' +
    'nan = int(torch.isnan(padded).sum())\n' +
    'print(json.dumps({"nan": nan, "difference": None if nan else float((padded - alone).abs().max())}))\n';
  const { stdout } = await promisify(execFile)(systemPython, ['-B', '-c', program]);
  return outcome.parse(JSON.parse(stdout));
}

const cases: readonly (readonly [file: string, rule: string, fixes: readonly string[]])[] = [
  ['masked-row.py', 'masked-row-no-guard', ['unmask-rows', 'nan-to-num-softmax']],
  ['lowest-rows.py', 'lowest-mask-no-guard', ['unmask-rows']],
  ['merged.py', 'merged-mask-attention', ['unmask-rows']],
  ['added.py', 'lowest-values-added', ['lower-of-both']],
  ['times-infinity.py', 'mask-times-infinity', ['where-for-multiply']],
  ['multiplied.py', 'mask-multiply-keeps-nan', ['where-for-multiply']],
  ['norm.py', 'division-no-epsilon', ['epsilon']],
  ['rsqrt.py', 'division-no-epsilon', ['epsilon']],
  ['count.py', 'division-no-epsilon', ['epsilon']],
  ['root.py', 'domain-not-guarded', ['clamp']],
  ['logarithm.py', 'domain-not-guarded', ['clamp']],
  ['exponentials.py', 'softmax-no-max', ['stable-softmax']],
  ['positions.py', 'left-padding-arange-positions', ['position-ids-from-mask']],
];

describe.each(cases)('%s', (file, rule, fixes) => {
  const text = readFileSync(path.join(fixtures, file), 'utf8');

  it('is wrong as it is', async () => {
    const { nan, difference } = await run(text);
    expect(nan > 0 || (difference ?? 0) >= 1).toBe(true);
  });

  it.each(fixes)('is healed by %s, which then finds nothing more', async (id) => {
    const { tree, hazards } = look(text);
    expect(hazards.map((hazard) => hazard.rule)).toEqual([rule]);
    const [hazard] = hazards;
    const offered = hazard ? sourceFixes(tree, hazard) : [];
    expect(offered.map((fix) => fix.id)).toEqual(fixes);
    const fix = offered.find((one) => one.id === id);
    if (!fix) throw new Error(`no ${id}`);
    const fixed = applied(text, fix);
    expect(look(fixed).hazards).toEqual([]);
    const { nan, difference } = await run(fixed);
    expect(nan).toBe(0);
    expect(difference).toBeLessThanOrEqual(1e-4);
  });
});
