/** What is said of runs that have little in common, what is held against what, and what is said before anything runs. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compare } from '../../../src/app/compare/compare';
import type { Comparison } from '../../../src/core/compare/types';
import { parseVariation } from '../../../src/core/compare/variations';
import { serializeModel } from '../../../src/core/models';
import { comparisonSchema } from '../../../src/protocol/comparisonSchema';
import { createEngine } from '../../../src/runtime/client/engine';
import { nodeFiles } from '../../../src/runtime/files/nodeFiles';
import { f32, named } from '../../support/tinyAttention';
import { workerBundle } from '../../support/workerBundle';
import { model, value } from '../../unit/onnx/support';

const kimi = 'builtin:kimi-k2-mini?layers=2';
let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'nanoscope-claims-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

async function compared(
  models: readonly string[],
  variations: readonly string[],
  more: object = {},
  onProgress: () => void = () => undefined,
): Promise<Comparison> {
  const deps = { engine: createEngine({ workerPath: await workerBundle() }), files: nodeFiles };
  const request = { models, base: { userLevel: 'all' as const, ...more }, variations: variations.map(parseVariation) };
  return compare(deps, request, { onProgress });
}

/** `y = log(x)` of a vector for each sample: nothing in it has positions. */
function pooled(name: string, output: string): string {
  const file = join(folder, name);
  const graph = model({
    name: 'pooled',
    input: [value('x', ['batch', 4])],
    output: [{ name: output }],
    node: [named('log', 'Log', ['x'], output)],
  });
  writeFileSync(file, serializeModel(graph));
  return file;
}
const negative = {
  batch: { inputs: { x: f32([2, 4], Array<number>(8).fill(-1)) }, lengths: { lengths: [1, 1], pad: 'left', seed: 1 } },
};

describe('a model whose values have no positions', () => {
  it('has NaN, at every level of optimisation', async () => {
    const comparison = await compared([pooled('one.onnx', 'y')], ['level=disabled,all'], negative);
    expect(comparison.verdict.sentence).not.toContain('No NaN');
    expect(comparison.rows.map(({ whole }) => whole)).toEqual([[true, true]]);
  });
});

describe('parts of a model', () => {
  it('come first, and the one process behind them is not called equal to them', async () => {
    const { variants } = await compared(['builtin:llama-mini?layers=1&heads=2&kvHeads=2'], ['ranks=2,1']);
    expect(variants.map(({ label, difference }) => [label, difference])).toEqual([
      ['2 ranks, rank 0', undefined],
      ['2 ranks, rank 1', undefined],
      ['1 rank', undefined],
    ]);
    expect(variants[0]?.facts[0]).toMatch(/from one process$/);
    expect(variants[2]?.facts.join()).not.toContain('from one process');
  });

  it('each are held against their own model, and what varies beside the cause is not blamed with it', async () => {
    const comparison = await compared([kimi], ['padding=left,right', 'stages=2,1']);
    expect(comparison.verdict.sentence).toContain(
      'the side of the padding makes the difference; the pipeline is not the cause',
    );
  });
});

describe('an empty sample', () => {
  it.each([
    ['first', [0, 7], ['', 'rrrrrrr']],
    ['last', [7, 0], ['rrrrrrr', '']],
  ])('that comes %s has no positions without padding, and is a sample all the same', async (_, lengths, roles) => {
    const comparison = await compared(['builtin:bert-mini?layers=1'], ['padding=left,none'], {
      lengths: { lengths, pad: 'left', seed: 1 },
    });
    expect(comparisonSchema.safeParse(JSON.parse(JSON.stringify(comparison))).success).toBe(true);
    expect(comparison.variants[1]?.roles).toEqual(roles);
    expect(comparison.verdict.same).toBe(false);
    expect(comparison.verdict.sentence).toContain('NaN in padding left, none in no padding: padding makes');
    expect(comparison.notes).toEqual([]);
  });
});

describe('a batch without any real token', () => {
  it('is refused without padding, since nothing of it is left', async () => {
    await expect(compared([kimi], ['padding=left,none', 'lengths=0,0'])).rejects.toThrow(
      'This batch cannot be compared with padding=none: no sample of it has a real token.',
    );
  });
});

describe('two files of one name', () => {
  it('are told apart by their folders', async () => {
    mkdirSync(join(folder, 'before'));
    mkdirSync(join(folder, 'after'));
    const models = [pooled('before/model.onnx', 'y'), pooled('after/model.onnx', 'y')];
    const { variants } = await compared(models, [], negative);
    expect(variants.map(({ label }) => label)).toEqual(['before/model.onnx', 'after/model.onnx']);
  });
});

describe('before anything is run it is said', () => {
  it.each<[string, readonly string[], readonly string[], string]>([
    ['that two models are one', [kimi, 'builtin:kimi-k2-mini?seed=1&layers=2'], [], 'is named twice'],
    ['that a later file is not there', [kimi, '/nowhere/second.onnx'], [], 'does not exist'],
    ['that a later fix is none', [kimi], ['fix=none,nosuch'], 'There is no fix'],
    ['that lengths are too many', [kimi], [`lengths=5,35/${'3,'.repeat(1024)}3`], 'too many samples; 1024 is the most'],
    ['that later lengths are none', [kimi], ['lengths=5,35/many'], 'are no lengths'],
    ['that a later attention is none', [kimi], ['attention=fused,fuzed'], 'fuzed'],
  ])('%s', async (_, models, variations, message) => {
    let told = 0;
    await expect(compared(models, variations, {}, () => told++)).rejects.toThrow(message);
    expect(told).toBe(0);
  });
});
