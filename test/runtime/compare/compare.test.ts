/** Variants, run by the real engine and held against what PyTorch and closed forms say. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fromBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema } from 'onnx-buf';
import { describe, expect, it } from 'vitest';
import { compare } from '../../../src/app/compare/compare';
import type { Comparison } from '../../../src/core/compare/types';
import { parseVariation } from '../../../src/core/compare/variations';
import type { LengthSpec } from '../../../src/core/batch/types';
import { createEngine } from '../../../src/runtime/client/engine';
import { nodeFiles } from '../../../src/runtime/files/nodeFiles';
import { writeExternal } from '../../unit/onnx/support';
import { workerBundle } from '../../support/workerBundle';

const fixture = (name: string): string => fileURLToPath(new URL(`../../fixtures/pytorch/${name}`, import.meta.url));
/** Modules in the order of their forward passes, with the NaN positions of each sample. */
type Traced = readonly (readonly [string, readonly (readonly number[])[]])[];

const kimi = 'builtin:kimi-k2-mini?layers=2';

const deps = async () => ({ engine: createEngine({ workerPath: await workerBundle() }), files: nodeFiles });

async function compared(
  models: string | readonly string[],
  variations: readonly string[],
  more: { readonly lengths?: LengthSpec; readonly inputsFile?: string } = {},
): Promise<Comparison> {
  const base = { userLevel: 'all' as const, ...more };
  return compare(await deps(), { models: [models].flat(), base, variations: variations.map(parseVariation) }, {});
}

const cells = ({ rows }: Comparison, stage: string, layer: number | null): string[][] =>
  rows
    .filter((row) => row.stage === stage && row.layer === layer && row.port === 'out')
    .flatMap((row) => row.cells.map((own) => own?.map(({ nan, of }) => `${String(nan)}/${String(of)}`) ?? []));

describe('variants of the batch', () => {
  it('padding left is sick, right and none are not, and their finite samples are equal', async () => {
    const comparison = await compared(kimi, ['padding']);
    expect(comparison.variants.map(({ label, nan, pattern }) => [label, nan, pattern])).toEqual([
      ['padding left', 'real', 0],
      ['padding right', 'none', 1],
      ['no padding', 'none', 1],
    ]);
    expect(cells(comparison, 'attention', 0)).toEqual([
      ['30/35', '0/35'],
      ['0/35', '0/35'],
      ['0/5', '0/35'],
    ]);
    expect(cells(comparison, 'logits', null)[0]).toEqual(['35/35', '0/35']);
    // Sample 0 is NaN in the first; sample 1 is the same sequence in all of them.
    for (const { difference } of comparison.variants.slice(1)) expect(difference).toBeLessThan(1e-5);
    expect(comparison.rows[comparison.verdict.firstDifference ?? -1]).toMatchObject({ layer: 0, stage: 'attention' });
  });

  it('a batch that is read from a file is padded at the right and taken apart as well', async () => {
    const name = 'a1_mla_leftpad_inf_add_op13';
    const inputsFile = fixture(`${name}.inputs.npz`);
    const comparison = await compared(fixture(`${name}.onnx`), ['padding'], { inputsFile });
    expect(comparison.variants.map(({ nan }) => nan)).toEqual(['real', 'none', 'none']);
    // What PyTorch traced for the padded batch.
    const modules = JSON.parse(await readFile(fixture('modules.json'), 'utf8')) as Readonly<Record<string, Traced>>;
    const counts = modules[name]?.find(([module]) => module === 'layers.1.self_attn')?.[1].map((nan) => nan.length);
    expect(cells(comparison, 'attention', 1)[0]).toEqual(counts?.map((nan) => `${String(nan)}/35`));
  });

  it('lengths around 32 and far beyond show the same kind of NaN', async () => {
    const comparison = await compared(kimi, ['lengths=5,31/5,32/5,33/7,287']);
    expect(comparison.verdict).toMatchObject({ same: true, basis: 'kind' });
    expect(cells(comparison, 'attention', 0).map(([first]) => first)).toEqual(['26/31', '27/32', '28/33', '280/287']);
  });
});

describe('variants of the model', () => {
  it('attention: a fill that is added and one that chooses are sick alike; a finite one and the fused kernel are not', async () => {
    const comparison = await compared(kimi, ['attention=eager-add,eager-where,finfo-min,fused']);
    expect(comparison.variants.map(({ nan, pattern }) => [nan, pattern])).toEqual([
      ['real', 0],
      ['real', 0],
      ['none', 1],
      ['none', 1],
    ]);
  });

  it('before and after a fix', async () => {
    const comparison = await compared(kimi, ['fix=none,unmask-rows,zero-pad-hidden']);
    expect(comparison.variants.map(({ label, nan }) => [label, nan])).toEqual([
      ['unfixed', 'real'],
      ['unmask-rows', 'none'],
      ['zero-pad-hidden', 'padding'],
    ]);
    expect(cells(comparison, 'logits', null)).toEqual([
      ['35/35', '0/35'],
      ['0/35', '0/35'],
      ['30/35', '0/35'],
    ]);
  });

  it('two files', async () => {
    const files = ['a1_mla_leftpad_inf_add_op13', 'a3_mla_leftpad_finfo_min_op13'];
    const comparison = await compared(
      files.map((name) => fixture(`${name}.onnx`)),
      [],
      { inputsFile: fixture('a1_mla_leftpad_inf_add_op13.inputs.npz') },
    );
    expect(comparison.dimensions).toEqual(['model']);
    expect(comparison.variants.map(({ label, nan }) => [label, nan])).toEqual([
      ['a1_mla_leftpad_inf_add_op13.onnx', 'real'],
      ['a3_mla_leftpad_finfo_min_op13.onnx', 'none'],
    ]);
  });

  it('built-in models are called by what tells them apart', async () => {
    const comparison = await compared(['builtin:llama-mini?layers=2', 'builtin:llama-mini?layers=2&kvHeads=4'], []);
    expect(comparison.variants.map(({ label }) => label)).toEqual(['kvHeads=2', 'kvHeads=4']);
    expect(comparison.verdict.same).toBe(true);
  });
});

describe('variants of the run', () => {
  it('levels are told by plain runs, whose numbers are their own', async () => {
    const comparison = await compared('builtin:kimi-k2-mini?layers=4', ['level=disabled,all']);
    expect(comparison.verdict.same).toBe(true);
    expect(comparison.rows.map(({ stage }) => stage)).toEqual(['logits']);
    // Measured before: optimisation changes most logits of this model in their last digits.
    const [, all] = comparison.variants;
    expect(all?.difference).toBeGreaterThan(0);
    expect(all?.difference).toBeLessThan(1e-4);
  });

  it('float16 as it rounds, and as the CPU engine computes it', async () => {
    const comparison = await compared(kimi, ['dtype']);
    expect(comparison.variants.map(({ nan }) => nan)).toEqual(['real', 'real', 'real']);
    const [, rounded, engine] = comparison.variants.map(({ difference }) => Number(difference));
    // 2⁻¹¹ relative, over a few layers; the engine rounds less.
    expect(rounded).toBeGreaterThan(1e-4);
    expect(rounded).toBeLessThan(0.1);
    expect(engine).not.toBe(rounded);
  });
});

describe('a fix', () => {
  it('leaves a variant as it is that holds nothing to fix, and says so', async () => {
    const comparison = await compared(kimi, ['padding=left,right', 'fix=none,unmask-rows']);
    expect(comparison.variants.map(({ label, nan }) => [label, nan])).toEqual([
      ['padding left, unfixed', 'real'],
      ['padding left, unmask-rows', 'none'],
      ['padding right, unfixed', 'none'],
      ['padding right, unmask-rows', 'none'],
    ]);
    expect(comparison.notes).toEqual([
      expect.stringMatching(
        /^padding right, unmask-rows holds no NaN and ran as it is: “Attend everywhere in fully masked rows” does not apply: /,
      ),
    ]);
  });

  it('that is at work in no variant is refused', async () => {
    await expect(compared(kimi, ['padding=right', 'fix=none,unmask-rows'])).rejects.toMatchObject({
      code: 'fix-declined',
    });
  });

  it('that declines where there is NaN is refused: its column would show something else', async () => {
    // At the left nothing was written out without its maximum; at the right there is nothing to fix at all.
    await expect(compared(kimi, ['padding=right,left', 'fix=none,stable-softmax'])).rejects.toMatchObject({
      code: 'fix-declined',
    });
  });
});

describe('what cannot be compared', () => {
  it.each<[string, readonly string[], readonly string[], string]>([
    ['one variant', [kimi], ['padding=left'], 'There is only one variant to run.'],
    ['an attention that the model has not', [kimi], ['attention=eager-add,flash'], 'attention=flash'],
    ['a fix that there is not', [kimi], ['fix=none,magic'], 'magic'],
    ['a missing file', ['/nowhere/a.onnx', '/nowhere/b.onnx'], [], 'does not exist'],
    ['lengths that are none', [kimi], ['lengths=5/x'], '“x” are no lengths'],
    ['lengths beyond all measure', [kimi], ['lengths=5/9999999'], '“9999999” are no lengths from 0 to 1000000.'],
  ])('%s', async (_, models, variations, message) => {
    await expect(compared(models, variations)).rejects.toThrow(message);
  });

  it('weights outside a model are not rounded, which is said before anything is run', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'nanoscope-compare-'));
    try {
      const bytes = await readFile(fixture('a1_mla_leftpad_inf_add_op13.onnx'));
      const model = writeExternal(folder, 'model.onnx', fromBinary(ModelProtoSchema, bytes));
      const steps: string[] = [];
      const running = compare(
        await deps(),
        { models: [model], base: { userLevel: 'all' }, variations: [parseVariation('dtype')] },
        { onProgress: ({ text }) => steps.push(text) },
      );
      await expect(running).rejects.toThrow(/^The weights of \S+ lie outside the model/);
      expect(steps).toEqual([]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('leaves no process behind when it is cancelled', async () => {
    const stop = new AbortController();
    const base = { userLevel: 'all' as const };
    const running = compare(
      await deps(),
      { models: ['builtin:kimi-k2-mini?layers=20'], base, variations: [parseVariation('padding')] },
      { onProgress: ({ fraction }) => (fraction ?? 0) > 0.1 && stop.abort() },
      stop.signal,
    );
    await expect(running).rejects.toMatchObject({ code: 'cancelled' });
  });
});
