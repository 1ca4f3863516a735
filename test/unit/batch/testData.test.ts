/** Folders in the layout of ONNX test data, on a real file system. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { toBinary } from '@bufbuild/protobuf';
import { TensorProtoSchema } from 'onnx-buf';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readInputs } from '../../../src/app/inputs';
import type { InputSpec } from '../../../src/core/batch/types';
import { float32Tensor, int64Tensor } from '../../../src/core/onnx/tensors';
import { nodeFiles } from '../../../src/runtime/files/nodeFiles';

const inputs: readonly InputSpec[] = [
  { name: 'ids', dtype: 'int64', dims: ['sequence'] },
  { name: 'x', dtype: 'float32', dims: ['sequence'] },
];
const ids = (name = ''): Uint8Array => toBinary(TensorProtoSchema, int64Tensor(name, [4, 5]));
const x = (name = ''): Uint8Array => toBinary(TensorProtoSchema, float32Tensor(name, [0.5, NaN]));

let root = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'nanoscope-data-'));
});
afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

function lay(files: Readonly<Record<string, Uint8Array>>): void {
  for (const [name, bytes] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), bytes);
  }
}
const read = (path = '.') => readInputs(nodeFiles, join(root, path), inputs);
const both = {
  ids: { dtype: 'int64', dims: [2], data: BigInt64Array.of(4n, 5n) },
  x: { dtype: 'float32', dims: [2], data: Float32Array.of(0.5, NaN) },
};

describe('a folder of ONNX test data', () => {
  it('by the order of the graph’s inputs; outputs and other files beside them are ignored', async () => {
    lay({
      'input_0.pb': ids(),
      'input_1.pb': x(),
      'output_0.pb': Uint8Array.of(1, 2, 3),
      'output_1.pb': x('ids'),
      '._input_0.pb': Uint8Array.of(0, 5, 0x16, 7),
      'input_9.npz': Uint8Array.of(1),
      'notes.txt': Uint8Array.of(65),
    });
    expect(await read()).toEqual({ inputs: both });
  });

  it('a name inside a file wins over its number; a name that is nobody’s says nothing', async () => {
    lay({ 'input_0.pb': x('x'), 'input_1.pb': ids('ids') });
    expect((await read()).inputs).toEqual(both);
    lay({ 'input_0.pb': ids('input.1'), 'input_1.pb': x('onnx::Add_7') });
    expect((await read()).inputs).toEqual(both);
  });

  it('more than ten inputs: numbers, not letters, are sorted', async () => {
    const many = Array.from({ length: 12 }, (_, i): InputSpec => ({
      name: `i${String(i)}`,
      dtype: 'int64',
      dims: null,
    }));
    lay(
      Object.fromEntries(
        many.map((_, i) => [`input_${String(i)}.pb`, toBinary(TensorProtoSchema, int64Tensor('', [i]))] as const),
      ),
    );
    const { inputs: found } = await readInputs(nodeFiles, root, many);
    expect(Object.fromEntries(Object.entries(found).map(([name, { data }]) => [name, Number(data[0])]))).toEqual(
      Object.fromEntries(many.map(({ name }, i) => [name, i])),
    );
  });

  it('the parent stands for its only test data set, and one file for its folder', async () => {
    lay({ 'model.onnx': Uint8Array.of(8), 'test_data_set_0/input_0.pb': ids(), 'test_data_set_0/input_1.pb': x() });
    expect(await read()).toEqual({ inputs: both, readFrom: 'test_data_set_0' });
    expect(await read('test_data_set_0')).toEqual({ inputs: both });
    expect(await read('test_data_set_0/input_1.pb')).toEqual({ inputs: both, readFrom: 'test_data_set_0' });
  });
});

describe('what is refused, in one sentence', () => {
  const refused = async (path: string, message: RegExp, hint = /./): Promise<void> => {
    await expect(read(path)).rejects.toMatchObject({
      code: 'bad-inputs-file',
      exitCode: 2,
      message: expect.stringMatching(message) as string,
      hint: expect.stringMatching(hint) as string,
    });
  };

  it('a folder without test data', async () => {
    lay({ 'output_0.pb': x(), 'batch.npz': x(), 'test_data_set_x/input_0.pb': x() });
    await refused('.', /holds no input_0\.pb and no test_data_set_0/, /\.npz, \.npy, \.json or \.pb/);
  });

  it('a test data set without inputs', async () => {
    lay({ 'test_data_set_0/output_0.pb': x() });
    await refused('.', /test_data_set_0 holds no input_0\.pb/);
  });

  it('several test data sets: one has to be chosen', async () => {
    lay({ 'test_data_set_0/input_0.pb': x(), 'test_data_set_10/input_0.pb': x(), 'test_data_set_2/input_0.pb': x() });
    await refused('.', /holds 3 test data sets/, /test_data_set_0, test_data_set_2, test_data_set_10/);
  });

  it('two files for one input', async () => {
    lay({ 'input_0.pb': x('x'), 'input_1.pb': ids() });
    await refused('.', /input_0\.pb and input_1\.pb both give "x"/, /name inside a file wins/);
  });

  it('more files than inputs', async () => {
    lay({ 'input_0.pb': ids(), 'input_1.pb': x(), 'input_2.pb': x() });
    await refused('.', /input_2\.pb has no input to go to: the model has 2/);
  });

  it('a damaged file is named', async () => {
    lay({ 'input_0.pb': ids(), 'input_1.pb': x().slice(0, 9) });
    await refused('.', /^input_1\.pb is cut off or damaged/);
  });

  it('files that are larger than any batch are not read', async () => {
    lay({ 'input_0.pb': ids(), 'input_1.pb': x() });
    truncateSync(join(root, 'input_1.pb'), 2 ** 31); // a hole: it takes no room on the disk
    await refused('.', /are larger than 1024 MB/);
  });

  it.skipIf(process.platform === 'win32')('a pipe in the place of a file', async () => {
    lay({ 'input_0.pb': ids() });
    execFileSync('mkfifo', [join(root, 'input_1.pb')]);
    await expect(read()).rejects.toMatchObject({ code: 'file-unreadable' });
  });

  it('a path that is not there', async () => {
    await expect(read('nowhere')).rejects.toMatchObject({ code: 'file-not-found' });
    await expect(read('input_0.pb')).rejects.toMatchObject({ code: 'file-not-found' });
  });
});
