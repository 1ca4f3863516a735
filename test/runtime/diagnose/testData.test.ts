/** The same batch as a folder of ONNX test data, written by Debian's onnx, gives the same report as the .npz. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { reproduceArguments } from '../../../src/app/render/command';
import { diagnosed, fixture } from '../../support/diagnosing';
import { pythonCode } from '../../support/python';

const name = 'b1_bert_one_empty_sample_op14';
const writer = `
import sys, os, numpy as np, onnx
from onnx import numpy_helper
model, inputs, root = sys.argv[1:]
arrays = np.load(inputs)
graph = onnx.load(model).graph
weights = {w.name for w in graph.initializer}
names = [i.name for i in graph.input if i.name not in weights]
folder = os.path.join(root, 'test_data_set_0')
os.mkdir(folder)
for i, name in enumerate(names):
    onnx.save_tensor(numpy_helper.from_array(arrays[name]), f'{folder}/input_{i}.pb')
onnx.save_tensor(numpy_helper.from_array(np.float32([1])), f'{folder}/output_0.pb')
`;

let root = '';
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'nanoscope-testdata-'));
  await pythonCode(writer, fixture(`${name}.onnx`), fixture(`${name}.inputs.npz`), root);
});
afterAll(() => {
  rmSync(root, { recursive: true, force: true });
});

it('a folder of test data is the batch that it was written from', async () => {
  const model = fixture(`${name}.onnx`);
  const expected = await diagnosed({ model, inputsFile: fixture(`${name}.inputs.npz`), fixes: false });
  const report = await diagnosed({ model, inputsFile: root, fixes: false });
  expect(report.origins).toEqual(expected.origins);
  expect(report.origins.length).toBeGreaterThan(0);
  expect(report.table).toEqual(expected.table);
  expect({ ...report.batch, source: null }).toEqual({ ...expected.batch, source: null });
  expect(report.batch.source).toEqual({ kind: 'file', name: 'test_data_set_0' });
  expect(reproduceArguments(report)).toEqual(expect.arrayContaining(['--inputs', 'test_data_set_0']));
});
