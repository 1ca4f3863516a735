/** Models with the control flow that torch.jit.script keeps, as PyTorch exports them. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { applyFix } from '../../../src/app/fixes';
import { diagnosed, realDeps } from '../../support/diagnosing';
import { python } from '../../support/python';
import { told } from './support';

const script = fileURLToPath(new URL('./scripted.py', import.meta.url));
let folder = '';
let truth: Readonly<Record<string, readonly (readonly number[])[]>> = {};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nanoscope-scripted-'));
  truth = JSON.parse(await python([script, folder])) as typeof truth;
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

const report = (name: string) =>
  diagnosed({ model: join(folder, `${name}.onnx`), inputsFile: join(folder, `${name}.npz`), fixes: true });

describe('exports of scripted modules', () => {
  it('attention in an If: the masked rows of its softmax', async () => {
    const found = await report('chosen');
    expect(truth.chosen).toEqual([
      [1, 1, 0, 0, 0],
      [0, 0, 0, 0, 0],
    ]);
    expect(told(found)).toEqual([
      {
        node: 'If_32/then_branch/Softmax_43',
        op: 'Softmax',
        mechanism: 'fully-masked-row',
        positions: ['0-1', ''],
        inside: ['If_32 (If).then_branch'],
      },
    ]);
    expect(found.observer?.outputsBitEqual).toBe(true);
    // Fixes of the graph edit the main one: none may be tried, and get a verdict, without having changed anything.
    const fixes = new Map(found.fixes?.map((fix) => [fix.id, fix]));
    for (const fix of fixes.values())
      if (fix.kind === 'graph') expect(fix).toMatchObject({ verdict: 'declines', edits: 0 });
    expect(fixes.get('nan-to-num-softmax')?.reason).toBe(
      'If_32/then_branch/Softmax_43 is not an attention softmax of the main graph.',
    );
  });

  it('a Loop whose body takes a root of what gets smaller: born anew in every iteration from the fourth on', async () => {
    const found = await report('repeated');
    expect(truth.repeated?.flat().every((nan) => nan === 1)).toBe(true);
    expect(told(found)).toEqual([
      {
        node: 'Loop_4/body/Sqrt_8',
        op: 'Sqrt',
        mechanism: 'sqrt-of-negative',
        positions: null,
        inside: ['Loop_4 (Loop).body[3-4]'],
      },
    ]);
    expect(found.observer?.outputsBitEqual).toBe(true);
  });

  it('modules as local functions, nested three deep: located, mended, and healthy once mended', async () => {
    const model = join(folder, 'modules.onnx');
    const found = await report('modules');
    expect(truth.modules).toEqual([
      [1, 1, 1, 1, 1],
      [0, 0, 0, 0, 0],
    ]);
    expect(told(found)[0]).toMatchObject({
      node: expect.stringMatching(/^\/head\/Modules\/Attention[.\d]*_\d+\/Softmax_\d+$/) as unknown,
      op: 'Softmax',
      mechanism: 'fully-masked-row',
      positions: ['0-1', ''],
      inside: [
        '/head/Modules (Modules).function',
        expect.stringMatching(/^\/head\/Modules\/Attention[.\d]*_\d+ \(Attention[.\d]*\)\.function$/) as unknown,
      ],
    });
    expect(found.outputs[0]?.nanPositions).toEqual([5, 0]);
    expect(found.observer?.outputsBitEqual).toBe(true);
    expect(found.fixes?.filter((fix) => fix.verdict === 'heals').map((fix) => fix.id)).toContain('unmask-rows');

    const out = join(folder, 'modules.fixed.onnx');
    const inputsFile = join(folder, 'modules.npz');
    const request = { model, inputsFile, userLevel: 'all', fixes: false } as const;
    await applyFix(await realDeps(), { ...request, fixId: 'unmask-rows', out }, {});
    const after = await diagnosed({ ...request, model: out });
    expect(after.origins).toEqual([]);
    expect(after.outputs[0]?.nanPositions).toEqual([0, 0]);
  });
});
