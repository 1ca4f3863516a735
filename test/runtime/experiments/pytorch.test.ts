/** What the experiments quote of PyTorch is what PyTorch gives: the script that made the record, run again. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { makeBatch } from '../../../src/core/batch/make';
import { writeNpz } from '../../../src/core/batch/npz';
import recorded from '../../../src/core/experiments/pytorch.json';
import { buildModel, serializeModel } from '../../../src/core/models';
import { python } from '../../support/python';

const script = fileURLToPath(new URL('../../fixtures/experiments/pytorch.py', import.meta.url));

describe('the record of PyTorch', () => {
  it('is what the script prints', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'nanoscope-pytorch-'));
    try {
      const [model, inputs] = [join(folder, 'model.onnx'), join(folder, 'inputs.npz')];
      const specs = ['input_ids', 'attention_mask'].map((name) => ({
        name,
        dtype: 'int64' as const,
        dims: ['batch', 'sequence'],
      }));
      const batch = makeBatch(specs, { lengths: [5, 35], pad: 'left', seed: 1 }, { idBounds: { input_ids: 256 } });
      await writeFile(model, serializeModel(buildModel('builtin:kimi-k2-mini?layers=61&heads=8').proto));
      await writeFile(inputs, writeNpz(batch.inputs));
      expect(JSON.parse(await python([script, model, inputs]))).toEqual(recorded);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }, 120_000);
});
