/** Real PyTorch exports: the diagnosis against what PyTorch's own hooks saw. */
import { createHash } from 'node:crypto';
import { cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { applyFix, undoFix } from '../../../src/app/fixes';
import type { Report } from '../../../src/core/report';
import { diagnosed, fixture, realDeps } from '../../support/diagnosing';
import { leftPaddedDecoder, verdictsOf } from '../../support/verdicts';

interface Truth {
  readonly node: string | null;
  readonly op: string | null;
  readonly mechanism: string | null;
  readonly positions: readonly string[];
  readonly births: readonly string[];
  readonly output_nan_positions: readonly string[];
}
type Modules = readonly (readonly [string, readonly (readonly number[])[]])[];

const read = async (name: string): Promise<unknown> => JSON.parse(await readFile(fixture(name), 'utf8')) as unknown;
const truths = (await read('truth.json')) as Record<string, Truth>;
const modules = (await read('modules.json')) as Record<string, Modules>;
const names = Object.keys(truths);
const requestFor = (name: string) => ({ model: fixture(`${name}.onnx`), inputsFile: fixture(`${name}.inputs.npz`) });

/** From the module's name to its row, as the design's table of words says it; nothing of the product is used. */
const stageOfWord: readonly (readonly [RegExp, string])[] = [
  [/^(emb|embed_tokens|wte)$/, 'embed'],
  [/^(input_layernorm|ln1|ln_1|norm1)$/, 'attn-norm'],
  [/^(self_attn|attn|attention)$/, 'attention'],
  [/^(post_attention_layernorm|ln2|norm2)$/, 'mlp-norm'],
  // Of the two linear layers the second one's output is the sublayer's.
  [/^(mlp|ffn|linear2)$/, 'mlp'],
  [/^(lm_head|head)$/, 'logits'],
];

function rowOf(path: string): { layer: number | null; stage: string } | null {
  const words = path.split('.');
  const last = words.at(-1) ?? '';
  const at = words.findIndex((word, i) => /^(layers|blocks|h)$/.test(word) && /^\d+$/.test(words[i + 1] ?? ''));
  if (at === -1) {
    if (/^(norm|ln_f|lnf)$/.test(last)) return { layer: null, stage: 'final-norm' };
    const stage = stageOfWord.find(([word]) => word.test(last))?.[1];
    return words.length === 1 && stage !== undefined ? { layer: null, stage } : null;
  }
  const layer = Number(words[at + 1]);
  const inner = words.slice(at + 2);
  if (inner.length === 0) return { layer, stage: 'layer' };
  const stage = inner.length === 1 ? stageOfWord.find(([word]) => word.test(last))?.[1] : undefined;
  return stage === undefined ? null : { layer, stage };
}

/** `[0,1,2,7]` as `"0-2,7"`. */
function asRanges(positions: readonly number[]): string {
  let text = '';
  for (const [i, position] of positions.entries()) {
    if (position === (positions[i - 1] ?? -9) + 1) continue;
    let end = i;
    while (positions[end + 1] === (positions[end] ?? 0) + 1) end += 1;
    text += `${text === '' ? '' : ','}${String(position)}${end === i ? '' : `-${String(positions[end])}`}`;
  }
  return text;
}

describe.each(names)('%s', (name) => {
  let report: Report;
  const truth = truths[name];
  if (truth === undefined) throw new Error(`no truth for ${name}`);
  beforeAll(async () => {
    report = await diagnosed(requestFor(name));
  }, 120_000);

  it('origin: node, op, mechanism and positions are the truth', () => {
    const found = report.origins.map(({ node, op, mechanism, positions }) => ({ node, op, mechanism, positions }));
    const { node, op, mechanism, positions } = truth;
    expect(found).toEqual(node === null ? [] : [{ node, op, mechanism, positions }]);
    // A finite mask makes an average of fully masked rows; here they are all padding.
    const silent = report.silent.map(({ mechanism, evidence }) => [mechanism, evidence.realRows]);
    expect(silent).toEqual(name.includes('leftpad_finfo_min') ? [['unmasked-silently', 0]] : []);
    if (node === null) expect(report.spread).toEqual([]);
  });

  it('output: NaN where PyTorch had it', () => {
    expect(report.outputs[0]?.nanAt).toEqual(truth.output_nan_positions);
  });

  it('every module with a stage has one row, with the NaN positions that its hook saw', () => {
    const wanted = (modules[name] ?? []).flatMap(([path, nan]) => {
      const row = rowOf(path);
      return row === null ? [] : [{ path, ...row, nanAt: nan.map(asRanges) }];
    });
    expect(wanted.length).toBeGreaterThan(8);
    const found = wanted.map(({ path, layer, stage }) => ({
      path,
      layer,
      stage,
      rows: report.table
        .filter((row) => row.layer === layer && row.stage === stage && row.port === 'out')
        .map((row) => row.samples?.map((sample) => sample.nanAt)),
    }));
    expect(found).toEqual(wanted.map(({ nanAt, ...rest }) => ({ ...rest, rows: [nanAt] })));
    // Rows stand in the order of the modules' hooks, which is the order of the run.
    const order = wanted.map(({ layer, stage }) =>
      report.table.findIndex((row) => row.layer === layer && row.stage === stage && row.port === 'out'),
    );
    expect(order).toEqual([...order].sort((a, b) => a - b));
  });

  it('looking changed nothing', () => {
    expect(report.observer).toMatchObject({ outputsBitEqual: true, userLevel: { sameNanPositions: true } });
    expect(report.observer?.userLevel?.maxAbsDiff).toBeLessThan(1e-4);
  });
});

it('which mask made each −inf of the first row', async () => {
  const rowOfFirst = async (name: string) =>
    (await diagnosed({ ...requestFor(name), fixes: false })).origins[0]?.evidence.row;
  expect(await rowOfFirst('a1_mla_leftpad_inf_add_op13')).toMatchObject({
    position: 0,
    keys: 35,
    negInf: 35,
    by: { causal: 34, padding: 30, both: 29, scores: 0 },
    cells: `p${'b'.repeat(29)}${'c'.repeat(5)}`,
  });
  expect(await rowOfFirst('b1_bert_one_empty_sample_op14')).toMatchObject({
    sample: 1,
    by: { causal: 0, padding: 14, both: 0, scores: 0 },
    cells: 'p'.repeat(14),
  });
});

describe('fixes of a1', () => {
  const a1 = 'a1_mla_leftpad_inf_add_op13';

  it('heal and hide as PyTorch measured them, against each sample run alone', async () => {
    const report = await diagnosed(requestFor(a1));
    expect(verdictsOf(report)).toEqual(leftPaddedDecoder);
    for (const fix of report.fixes?.filter(({ verdict }) => verdict === 'heals') ?? []) {
      expect(fix).toMatchObject({ reference: 'unpadded', nanAfter: 0, realNanAfter: 0, topTokenSame: true });
      expect(fix.realMaxAbsDiff).toBeLessThan(1e-4);
      expect(fix.tolerance).toBeLessThan(1e-3);
    }
    const byId = new Map(report.fixes?.map((fix) => [fix.id, fix]));
    expect(byId.get('zero-pad-hidden')).toMatchObject({ nanAfter: 30, realNanAfter: 0 });
    expect(byId.get('multiply-by-mask')).toMatchObject({ kind: 'trap', nanAfter: 35, realNanAfter: 5 });
    for (const id of ['nan-to-num-logits', 'drop-padding-mask']) {
      expect(byId.get(id)).toMatchObject({ kind: 'trap', nanAfter: 0, topTokenSame: false });
      expect(byId.get(id)?.realMaxAbsDiff).toBeGreaterThan(1);
    }
    expect(byId.get(report.recommendation?.fix ?? '')).toMatchObject({ kind: 'graph', verdict: 'heals' });
  });

  it.each(['unmask-rows', 'nan-to-num-softmax'])(
    '%s: the patched copy is healthy; undo restores the folder',
    async (fixId) => {
      const folder = await mkdtemp(join(tmpdir(), 'nanoscope-fixture-'));
      try {
        const model = join(folder, 'model.onnx');
        await cp(fixture(`${a1}.onnx`), model);
        const before = await snapshot(folder);
        const { inputsFile } = requestFor(a1);
        const deps = await realDeps();
        const request = { model, inputsFile, fixId, userLevel: 'all' as const, fixes: true };
        const applied = await applyFix(deps, request, {});
        expect(applied.file).toBe(join(folder, 'model.fixed.onnx'));
        const fixed = await diagnosed({ model: applied.file, inputsFile });
        expect(fixed.outputs[0]?.nanAt).toEqual(['', '']);
        expect(fixed.origins).toEqual([]);
        expect(fixed.spread).toEqual([]);
        expect(await undoFix(deps, applied.file)).toEqual({ removed: [applied.file] });
        expect(await snapshot(folder)).toEqual(before);
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    },
  );
});

async function snapshot(folder: string): Promise<Record<string, string>> {
  const entries = await readdir(folder);
  const hashes = await Promise.all(
    entries.sort().map(async (entry) => [
      entry,
      createHash('sha256')
        .update(await readFile(join(folder, entry)))
        .digest('hex'),
    ]),
  );
  return Object.fromEntries(hashes) as Record<string, string>;
}
