/** The demo workspace: what its README promises, and that its files come from its source. */
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { checkBatch } from '../../../src/core/batch/fit';
import { readBatchFile } from '../../../src/core/batch/read';
import type { InputSpec } from '../../../src/core/batch/types';
import { python } from '../../support/python';
import { nanPositions, runOnnx } from './onnx';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const demo = join(root, 'media/demo');
const specs: readonly InputSpec[] = ['input_ids', 'attention_mask'].map((name) => ({
  name,
  dtype: 'int64',
  dims: ['batch', 'sequence'],
}));

async function run(name: string) {
  const inputs = await readFile(join(demo, `${name}.inputs.npz`));
  const batch = checkBatch(readBatchFile(`${name}.inputs.npz`, inputs, specs), specs);
  const attention = [0, 1, 2].map((layer) => `/model/layers.${String(layer)}/self_attn/o_proj/MatMul_output_0`);
  const model = await readFile(join(demo, `${name}.onnx`));
  const tensors = await runOnnx(model, batch.inputs, ['/model/embed_tokens/Gather_output_0', ...attention, 'logits']);
  return { batch, nan: [...tensors.values()].map(nanPositions), logits: tensors.get('logits') };
}

describe('the demo workspace', () => {
  it('sick.onnx: born at pads in layer 0, at every position from layer 1 on', async () => {
    const { batch, nan } = await run('sick');
    expect(batch.inputs.attention_mask?.dims).toEqual([2, 35]);
    expect(nan).toEqual([
      [0, 0],
      [30, 0],
      [35, 0],
      [35, 0],
      [35, 0],
    ]);
  });

  it('healthy.onnx and right-padded.onnx: no NaN, and the long sample computes the same in all three', async () => {
    const [sick, healthy, right] = await Promise.all(['sick', 'healthy', 'right-padded'].map(run));
    for (const one of [healthy, right]) {
      expect(one?.nan.flat().every((count) => count === 0)).toBe(true);
      const [a, b] = [sick, one].map((result) => result?.logits?.data.subarray(35 * 256) ?? new Float32Array());
      expect(a?.length).toBe(35 * 256);
      expect(a?.every((value, i) => Math.abs(value - (b?.[i] ?? Number.NaN)) < 1e-4)).toBe(true);
    }
  });

  it('comes from its source, byte for byte, and is small', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'nanoscope-demo-'));
    try {
      await python([join(root, 'scripts/demo/export.py'), folder]);
      const made = await readdir(folder);
      expect(made.sort()).toEqual(
        ['healthy', 'right-padded', 'sick'].flatMap((name) => [`${name}.inputs.npz`, `${name}.onnx`]),
      );
      let total = 0;
      for (const name of made) {
        const committed = await readFile(join(demo, name));
        expect(committed.equals(await readFile(join(folder, name))), name).toBe(true);
        total += committed.byteLength;
      }
      expect(total).toBeLessThan(3e6);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
