/**
 * Every fix in source is run: with Debian's PyTorch, the program's real tokens are NaN (or wrong) before, and those of
 * the samples without padding after. Torch 1.13 has no `scaled_dot_product_attention`: `merged.py` runs it written out.
 */
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { findHazards, type Hazard } from '../../../src/core/python/findings';
import { applied, sourceFixes } from '../../../src/core/python/fixes';
import { rules } from '../../../src/core/python/rules';
import { ended, type PythonTree } from '../../../src/core/python/syntax';
import type { PythonParser } from '../../../src/runtime/python/parser';
import { TorchPrograms } from '../../support/torchPrograms';
import { pythonParser } from '../../support/pythonParser';

const fixtures = path.join(path.dirname(fileURLToPath(import.meta.url)), '../../fixtures/python/fixes');

/** Of `transformers` only what the programs ask of it. */
const tokenizers = `import torch


class AutoTokenizer:
    @classmethod
    def from_pretrained(cls, name, padding_side="right"):
        made = cls()
        made.padding_side = padding_side
        return made

    def pad(self, samples):
        longest = max(len(one) for one in samples)
        padded, mask = torch.zeros(len(samples), longest, 4), torch.zeros(len(samples), longest, dtype=torch.long)
        for at, one in enumerate(samples):
            start = longest - len(one) if self.padding_side == "left" else 0
            padded[at, start:start + len(one)], mask[at, start:start + len(one)] = one, 1
        return padded, mask
`;

let folder = '';
let parser: PythonParser;
let programs: TorchPrograms;

const measured = (modules: string): string => `import runpy
sys.path.insert(0, ${JSON.stringify(modules)})

def measured(file):
    names = runpy.run_path(file)
    from batch import tokens
    padded, alone = names["padded"], names["alone"]
    nan = int(torch.isnan(padded).sum())
    lost = None
    if padded.requires_grad:
        padded.sum().backward()
        lost = None if tokens.grad is None else int(torch.isnan(tokens.grad).sum())
    difference = None if nan else float((padded - alone).abs().max())
    return {"nan": nan, "difference": difference, "lost": lost}
`;

beforeAll(async () => {
  parser = await pythonParser();
  folder = mkdtempSync(path.join(tmpdir(), 'nanoscope fixes '));
  copyFileSync(path.join(fixtures, 'batch.py'), path.join(folder, 'batch.py'));
  mkdirSync(path.join(folder, 'transformers'));
  // Only what the programs ask of it.
  writeFileSync(path.join(folder, 'transformers', '__init__.py'), tokenizers);
  programs = new TorchPrograms(measured(folder));
});
afterAll(() => {
  programs.close();
  rmSync(folder, { recursive: true, force: true });
});

function look(text: string): { tree: PythonTree; hazards: readonly Hazard[] } {
  const tree = parser.parse(text);
  return { tree, hazards: ended(findHazards(tree)) };
}

const outcome = z.object({ nan: z.int(), difference: z.number().nullable(), lost: z.int().nullable() });

/**
 * NaN among the real tokens, their largest difference from those without padding, and NaN among the gradients of the
 * padded tokens (null where the program computes none).
 */
async function run(text: string): Promise<z.infer<typeof outcome>> {
  const file = path.join(mkdtempSync(path.join(folder, 'p')), 'program.py');
  writeFileSync(file, text);
  return outcome.parse(await programs.run(file));
}

interface Expected {
  readonly id: string;
  /** What is still found afterwards. */
  readonly left?: readonly string[];
  /** The gradients of such rows are NaN as before, as its warning says. */
  readonly losesGradients?: true;
  /** The results are NaN afterwards: what was hidden shows. */
  readonly shows?: true;
}

const rows: readonly Expected[] = [
  { id: 'unmask-rows' },
  { id: 'zero-masked-rows' },
  { id: 'finite-mask' },
  { id: 'nan-to-num-softmax' },
];
/** Where masks are added. */
const added: Readonly<Record<string, Partial<Expected>>> = {
  'finite-mask': { left: ['lowest-mask-no-guard'] },
  'nan-to-num-softmax': { losesGradients: true },
};
const where: readonly Expected[] = [{ id: 'mask-with-where' }];

const cases: readonly (readonly [file: string, rule: string, fixes: readonly Expected[]])[] = [
  ['masked-row.py', 'masked-row-no-guard', rows.map((one) => ({ ...one, ...added[one.id] }))],
  ['masked-expression.py', 'masked-row-no-guard', rows],
  ['masked-store.py', 'masked-row-no-guard', rows],
  ['lowest-rows.py', 'lowest-mask-no-guard', [{ id: 'unmask-rows' }]],
  ['merged.py', 'merged-mask-attention', [{ id: 'unmask-rows' }]],
  ['merged-additive.py', 'merged-mask-attention', [{ id: 'unmask-rows' }]],
  ['merged-layer.py', 'merged-mask-attention', [{ id: 'unmask-rows' }]],
  ['added.py', 'lowest-values-added', [{ id: 'lower-of-both' }]],
  ['cast.py', 'lowest-cast-to-half', [{ id: 'within-type' }]],
  ['cast-of-product.py', 'lowest-cast-to-half', [{ id: 'within-type' }]],
  ['times-infinity.py', 'mask-times-infinity', [{ id: 'mask-with-where' }]],
  ['multiplied.py', 'mask-multiply-keeps-nan', where],
  ['multiplied-left.py', 'mask-multiply-keeps-nan', where],
  ['multiplied-in-place.py', 'mask-multiply-keeps-nan', where],
  ['values.py', 'fill-keeps-value-nan', [{ id: 'clear-values', losesGradients: true }]],
  ['switched-off.py', 'guard-switched-off', [{ id: 'switch-guard-on' }]],
  ['norm.py', 'division-no-epsilon', [{ id: 'eps' }]],
  ['norms.py', 'division-no-epsilon', [{ id: 'eps' }]],
  ['rsqrt.py', 'division-no-epsilon', [{ id: 'eps' }]],
  ['count.py', 'division-no-epsilon', [{ id: 'eps' }]],
  ['root.py', 'domain-not-guarded', [{ id: 'clamp' }]],
  ['logarithm.py', 'domain-not-guarded', [{ id: 'clamp' }]],
  ['entropy.py', 'domain-not-guarded', [{ id: 'clamp' }]],
  ['divergence.py', 'domain-not-guarded', [{ id: 'clamp' }]],
  ['entropy-negated.py', 'domain-not-guarded', [{ id: 'clamp' }]],
  ['exponentials.py', 'softmax-no-max', [{ id: 'stable-softmax' }]],
  ['exponentials-as-method.py', 'softmax-no-max', [{ id: 'stable-softmax' }]],
  ['exponentials-by-name.py', 'softmax-no-max', [{ id: 'stable-softmax' }]],
  ['exponentials-in-numpy.py', 'softmax-no-max', [{ id: 'stable-softmax' }]],
  ['gradient.py', 'where-nan-gradient', [{ id: 'safe-branch' }]],
  ['gradient-of-quotient.py', 'where-nan-gradient', [{ id: 'safe-branch' }]],
  ['half-sum.py', 'half-precision-softmax', [{ id: 'fp32-sum' }]],
  ['hides.py', 'nan-to-num-hides', [{ id: 'show-nan', shows: true }]],
  ['positions.py', 'left-padding-arange-positions', [{ id: 'position-ids-from-mask' }]],
  ['left-side.py', 'left-padding-eager', [{ id: 'right-padding' }]],
];

/** Beside the imports that are added, and parts of lines that are another, everything stays as it was. */
const keeps = (before: string, after: string): boolean => {
  const lines = after.split('\n');
  return before
    .split('\n')
    .filter((line) => /^\s*#/.test(line) || line.includes('  #'))
    .every((line) => lines.some((other) => other.includes(line.slice(line.indexOf('#')))));
};

it('covers every rule that has a fix, and every program', () => {
  expect(cases.map(([file]) => file).sort()).toEqual(
    readdirSync(fixtures)
      .filter((name) => name.endsWith('.py') && name !== 'batch.py' && name !== 'half-softmax.py')
      .sort(),
  );
  expect([...new Set(cases.map(([, rule]) => rule))].sort()).toEqual(rules.map(({ id }) => id).sort());
});

describe.each(cases)('%s', (file, rule, fixes) => {
  const text = readFileSync(path.join(fixtures, file), 'utf8');

  it('is wrong as it is', async () => {
    const { nan, difference } = await run(text);
    expect(nan > 0 || (difference ?? 0) >= 1).toBe(true);
  });

  it.each(fixes)('is healed by $id, which is not offered again', async ({ id, left = [], losesGradients, shows }) => {
    const { tree, hazards } = look(text);
    expect(hazards.map((hazard) => hazard.rule)).toEqual([rule]);
    const [hazard] = hazards;
    const offered = hazard ? sourceFixes(tree, hazard) : [];
    expect(offered.map((fix) => fix.id)).toEqual(fixes.map((fix) => fix.id));
    const fix = offered.find((one) => one.id === id);
    if (!fix) throw new Error(`no ${id}`);
    const fixed = applied(text, fix);
    expect(look(fixed).hazards.map((one) => one.rule)).toEqual(left);
    expect(keeps(text, fixed)).toBe(true);
    const { nan, difference, lost } = await run(fixed);
    if (shows) {
      expect(nan).toBeGreaterThan(0);
      return;
    }
    expect(nan).toBe(0);
    expect(difference).toBeLessThanOrEqual(1e-4);
    if (lost !== null) expect(lost > 0).toBe(losesGradients === true);
  });
});

describe('half-softmax.py', () => {
  it('gives its type as before, from a softmax in float32', async () => {
    const text = readFileSync(path.join(fixtures, 'half-softmax.py'), 'utf8');
    let { tree, hazards } = look(text);
    expect(hazards.map(({ rule }) => rule)).toEqual(Array<string>(4).fill('half-precision-softmax'));
    let fixed = text;
    for (let [hazard] = hazards; hazard; [hazard] = hazards) {
      const [fix] = sourceFixes(tree, hazard);
      fixed = fix ? applied(fixed, fix) : '';
      ({ tree, hazards } = look(fixed));
    }
    for (const one of [text, fixed]) {
      const { nan, difference } = await run(one);
      expect(nan).toBe(0);
      expect(difference).toBeLessThanOrEqual(4e-3);
    }
  });
});
