/** Each fix as PyTorch does what it says, by a real PyTorch; and the comments say where it goes. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fixSnippet } from '../../src/app/fixSnippet';
import { fixes } from '../../src/core/fix/index';
import { fixSnippets, snippetText } from '../../src/core/fix/snippets/index';
import { fixture, realDeps } from '../support/diagnosing';
import { python } from '../support/python';

const modules = { attention: ['layers.0.self_attn'], origin: ['layers.0.mlp'] };
type Figures = { readonly nan: number; readonly difference: number | 'NaN' };
let results: Record<string, Record<string, unknown>> = {};
let folder = '';

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'nanoscope-snippets-'));
  const byId = new Map(fixSnippets.map((snippet) => [snippet.id, snippet]));
  for (const ids of [...[...byId.keys()].map((id) => [id]), ['zero-pad-hidden', 'unmask-rows']]) {
    const text = snippetText(
      ids.flatMap((id) => byId.get(id) ?? []),
      modules,
    );
    writeFileSync(join(folder, `${ids.join('+')}.py`), text);
  }
  const out = await python([fileURLToPath(new URL('fixSnippets.py', import.meta.url)), folder]);
  results = JSON.parse(out.trim().split('\n').at(-1) ?? '') as typeof results;
}, 120_000);
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const heals = (figures: unknown): void => {
  const { nan, difference } = figures as Figures;
  expect(nan).toBe(0);
  expect(difference).toBeLessThan(1e-5);
};

describe('snippets', () => {
  it('there is one for every fix of the graph, and for every fix of the batch', () => {
    const ids = fixSnippets.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids).toEqual(expect.arrayContaining(fixes.map(({ id }) => id)));
    expect(ids).toEqual(
      expect.arrayContaining(['no-padding', 'same-length-batches', 'right-padding', 'position-ids-from-mask']),
    );
  });

  it('the attention that they are tried on is sick without them', () => {
    for (const kind of ['add', 'bool']) expect(results.none?.[kind]).toMatchObject({ difference: 'NaN' });
  });

  it.each([
    ['unmask-rows'],
    ['unmask-self'],
    ['zero-masked-rows'],
    ['nan-to-num-softmax'],
    ['mask-with-where'],
    ['zero-pad-attention-output'],
  ])('%s heals, for masks that are added and for those that choose', (id) => {
    for (const kind of ['add', 'bool']) heals(results[id]?.[kind]);
  });

  it('finite-mask heals, also where two masks meet', () => {
    heals(results['finite-mask']?.add);
    expect(results['finite-mask']?.sum).toBe(true);
  });

  it('zero-pad-hidden leaves NaN at the four pads only, and real tokens as they should be', () => {
    for (const kind of ['add', 'bool']) {
      const { nan, difference } = results['zero-pad-hidden']?.[kind] as Figures;
      expect(nan).toBe(4);
      expect(difference).toBeLessThan(1e-5);
    }
    heals(results['zero-pad-hidden+unmask-rows']);
  });

  it('mask-with-where stops NaN that padding brings along', () => {
    const { nan, difference } = results['mask-with-where']?.sick as Figures;
    expect(nan).toBeLessThanOrEqual(4);
    expect(difference).toBeLessThan(1e-5);
  });

  it('zero-masked-rows leaves NaN of another cause visible', () => {
    expect(results['zero-masked-rows']?.visible).toEqual([true, false]);
  });

  it('arithmetic stays in its range', () => {
    expect(results['fp32-attention']).toEqual({ overflows: true, nan: 0, dtype: 'torch.float16', difference: 0 });
    expect(results['stable-softmax']?.before).toBe(2);
    expect(results['stable-softmax']?.difference).toBeLessThan(1e-6);
    expect(results.eps).toEqual({ before: 1, ratio: [0, 0.25, 6] });
    expect(results.clamp).toMatchObject({ before: 3, after: true });
    expect(Math.abs(results.clamp?.kept as number)).toBeLessThan(1e-6);
    expect(results['clean-weights']).toEqual({ count: 1, again: 0, finite: true, kept: true });
  });

  it('batches are fed another way', () => {
    expect(results['no-padding']?.difference).toBe(0);
    expect(results['same-length-batches']).toEqual({ batches: [[0, 2], [3], [4], [1]], all: [[0, 2], [1]] });
    expect(results['right-padding']).toMatchObject({
      mask: [
        [1, 1, 1, 0, 0, 0, 0],
        [1, 1, 1, 1, 1, 1, 1],
      ],
      ids: [
        [1, 2, 3, 90, 91, 92, 93],
        [4, 5, 6, 7, 8, 9, 10],
      ],
    });
    heals(results['right-padding']?.figures);
    expect(results['position-ids-from-mask']?.ids).toEqual([
      [0, 0, 0, 0, 0, 1, 2],
      [0, 1, 2, 3, 4, 5, 6],
    ]);
  });
});

describe('where they go', () => {
  const request = (fixId: string) => ({
    model: fixture('a1_mla_leftpad_inf_add_op13.onnx'),
    inputsFile: fixture('a1_mla_leftpad_inf_add_op13.inputs.npz'),
    userLevel: 'disabled' as const,
    fixes: false,
    fixId,
  });

  it('names the modules of the model', async () => {
    const { code } = await fixSnippet(await realDeps(), request('unmask-rows+zero-pad-hidden'), {});
    expect(code).toContain('in the forward of layers.0.self_attn, layers.1.self_attn, layers.2.self_attn, once where');
    expect(code.match(/^def /gm)?.length).toBe(2);
    expect(code.match(/^import torch$/gm)?.length).toBe(1);
  });

  it('needs no run for what is said to the caller of the model', async () => {
    const deps = { ...(await realDeps()), engine: { start: () => Promise.reject(new Error()) as never } };
    expect((await fixSnippet(deps, request('right-padding'), {})).code).toContain('def to_right_padding');
  });

  it('says that a trap has no lines, and what exists', async () => {
    const deps = await realDeps();
    await expect(fixSnippet(deps, request('nan-to-num-logits'), {})).rejects.toMatchObject({ code: 'fix-declined' });
    await expect(fixSnippet(deps, request('nope'), {})).rejects.toMatchObject({ code: 'usage' });
  });

  it('keeps names from a file inside their comment', () => {
    const code = snippetText(fixSnippets.slice(0, 1), { attention: ['a\nimport os\r\u2028x'], origin: [] });
    expect(code).not.toMatch(/^import os/m);
    expect(code.split(/[\n\r\u2028]/).filter((line) => line.includes('import os'))).toEqual([
      expect.stringMatching(/^# /),
    ]);
  });
});
