/** `nanoscope fix` as a person runs it, and what it says of what cannot be. */
import { chmodSync, copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ApplyRequest } from '../../src/app/useCases';
import { fixture } from '../support/diagnosing';
import { runHere, runProcess } from '../support/cliHarness';

const name = 'a1_mla_leftpad_inf_add_op13';
let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'nanoscope-fix-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const failed = async (args: readonly string[]): Promise<{ code: number | null; error: unknown }> => {
  const { code, out } = await runProcess([...args, '--json'], { cwd: folder });
  return { code, error: (JSON.parse(out) as { error: unknown }).error };
};

describe('nanoscope fix', () => {
  it('previews, changes in place, refuses the same fix again, and undo puts the very file back', async () => {
    const model = join(folder, 'model.onnx');
    copyFileSync(fixture(`${name}.onnx`), model);
    copyFileSync(fixture(`${name}.inputs.npz`), join(folder, 'in.npz'));
    chmodSync(model, 0o640);
    const before = readFileSync(model);
    const fix = ['fix', 'model.onnx', 'nan-to-num-softmax', '--inputs', 'in.npz'];

    const preview = await runProcess([...fix, '--preview'], { cwd: folder });
    expect(preview).toMatchObject({ code: 0, err: '' });
    expect(preview.out).toMatch(/layers\.0\.self_attn {2}the same in 2 more layers \(1-2\)/);
    expect(preview.out).toMatch(/^\+ IsNaN /m);
    expect(preview.out).toMatch(/^~ MatMul /m);
    expect(readdirSync(folder).sort()).toEqual(['in.npz', 'model.onnx']);

    const applied = await runProcess([...fix, '--in-place'], { cwd: folder });
    expect(applied).toMatchObject({ code: 0, err: '' });
    expect(applied.out).toContain('the original is kept as');
    expect(applied.out).toContain('Now: ');
    expect(readdirSync(folder).sort()).toEqual(['in.npz', 'model.onnx', 'model.onnx.nanoscope-backup']);
    expect(statSync(model).mode & 0o7777).toBe(0o640);

    expect(await failed([...fix, '--in-place'])).toMatchObject({ code: 2, error: { code: 'fix-declined' } });
    expect(await failed([...fix])).toMatchObject({
      code: 2,
      error: { message: expect.stringMatching(/already/) as string },
    });

    const undone = await runProcess(['undo', 'model.onnx'], { cwd: folder });
    expect(undone).toMatchObject({ code: 0, err: '' });
    expect(undone.out).toContain('is the original again');
    expect(readdirSync(folder).sort()).toEqual(['in.npz', 'model.onnx']);
    expect(readFileSync(model).equals(before)).toBe(true);
    expect(statSync(model).mode & 0o7777).toBe(0o640);
  }, 180_000);

  it('applies several fixes one after the other, each planned on what the one before left', async () => {
    const model = join(folder, 'two.onnx');
    copyFileSync(fixture(`${name}.onnx`), model);
    const both = ['fix', 'two.onnx', 'zero-pad-hidden+nan-to-num-softmax', '--inputs', 'in.npz', '--json'];
    const preview = await runProcess([...both, '--preview'], { cwd: folder });
    expect(preview.err).toBe('');
    expect(JSON.parse(preview.out)).toMatchObject({
      fixId: 'zero-pad-hidden+nan-to-num-softmax',
      steps: [{ fixId: 'zero-pad-hidden' }, { fixId: 'nan-to-num-softmax' }],
    });
    const applied = await runProcess(both, { cwd: folder });
    expect(applied.code).toBe(0);
    expect(JSON.parse(applied.out)).toMatchObject({ after: { origins: [], outputs: [{ nanPositions: [0, 0] }] } });
    // One of them again, alone or with another.
    expect(await failed(['fix', 'two.fixed.onnx', 'zero-pad-hidden+unmask-rows', '--inputs', 'in.npz'])).toMatchObject({
      error: { code: 'fix-declined', hint: expect.stringMatching(/unmask-rows alone/) as string },
    });
    // After the first there is nothing left for the second.
    expect(await failed(['fix', 'two.onnx', 'unmask-rows+nan-to-num-softmax', '--inputs', 'in.npz'])).toMatchObject({
      error: { code: 'fix-declined', message: expect.stringMatching(/after unmask-rows/) as string },
    });
    expect((await runProcess(['undo', 'two.fixed.onnx'], { cwd: folder })).code).toBe(0);
  }, 180_000);

  it.each([
    [['right-padding'], 'fix-declined', /what the model is fed/],
    [['unmask-rows+same-length-batches'], 'fix-declined', /what the model is fed/],
    [['unmask-rows+unmask-rows'], 'usage', /named twice/],
    [['nope'], 'usage', /There is no fix "nope"/],
    [['unmask-rows', '--in-place', '--out', 'x.onnx'], 'usage', /for copies/],
    [['unmask-rows', '--in-place', '--weights', 'copy'], 'usage', /for copies/],
    [['unmask-rows', '--preview', '--in-place'], 'usage', /writes nothing/],
  ])('%j: %s', async (args, code, message) => {
    expect(await failed(['fix', 'model.onnx', ...args])).toMatchObject({
      code: 2,
      error: { code, message: expect.stringMatching(message) as string },
    });
  });

  it('a built-in model has no place to be changed in', async () => {
    expect(await failed(['fix', 'builtin:kimi-k2-mini', 'unmask-rows', '--in-place'])).toMatchObject({
      error: { code: 'usage', message: expect.stringMatching(/no file to change/) as string },
    });
  });

  it('asks the use case for what was typed', async () => {
    const seen: ApplyRequest[] = [];
    const work = {
      applyFix: (_: unknown, request: ApplyRequest) => {
        seen.push(request);
        return Promise.reject(new Error('enough'));
      },
    };
    await runHere(['fix', 'm.onnx', 'a+b', '--in-place', '--lengths', '3,4', '--mask', 'm:inverted'], { work });
    await runHere(['fix', 'm.onnx', 'a', '--out', 'o.onnx', '--weights', 'copy'], { work });
    expect(seen).toMatchObject([
      { model: '/home/person/m.onnx', fixId: 'a+b', inPlace: true, mask: 'm:inverted', lengths: { lengths: [3, 4] } },
      { fixId: 'a', out: '/home/person/o.onnx', weights: 'copy' },
    ]);
    expect(seen[0]).not.toHaveProperty('out');
    expect(seen[1]).not.toHaveProperty('inPlace');
  });
});
