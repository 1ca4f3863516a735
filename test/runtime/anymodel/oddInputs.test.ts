/** Batches that nobody planned for: a right diagnosis, or one clear sentence. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeNpz } from '../../../src/core/batch/npz';
import type { Report } from '../../../src/core/report';
import type { TensorData } from '../../../src/core/tensor';
import { python } from '../../support/python';
import { verdictSentence } from '../../../src/core/trace/verdict';
import { diagnoseFile } from './diagnose';

const cases = ['plain', 'bool_mask', 'float_mask_where', 'additive_input', 'mask_4d'];
let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nanoscope-odd-'));
  await python(['-W', 'ignore', fileURLToPath(new URL('models.py', import.meta.url)), folder, ...cases]);
}, 180_000);
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

const int64 = (dims: readonly number[], values: readonly number[]): TensorData => ({
  dtype: 'int64',
  dims,
  data: BigInt64Array.from(values, BigInt),
});
const float32 = (dims: readonly number[], values: readonly number[]): TensorData => ({
  dtype: 'float32',
  dims,
  data: Float32Array.from(values),
});
const ids = int64([2, 5], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
const left = [0, 0, 0, 1, 1, 1, 1, 1, 1, 1];
const none = -Infinity;

let files = 0;
async function fed(model: string, inputs: Readonly<Record<string, TensorData>>): Promise<Report> {
  const inputsFile = join(folder, `in-${String((files += 1))}.npz`);
  await writeFile(inputsFile, writeNpz(inputs));
  return diagnoseFile(join(folder, `${model}.onnx`), { inputsFile });
}
const births = ({ origins }: Report): unknown => origins.map(({ mechanism, positions }) => [mechanism, positions]);

describe('what is diagnosed', () => {
  it('one sample', async () => {
    const report = await fed('plain', {
      input_ids: int64([1, 5], [1, 2, 3, 4, 5]),
      attention_mask: int64([1, 5], [0, 0, 1, 1, 1]),
    });
    expect(report.batch.roles).toEqual(['pprrr']);
    expect(births(report)).toEqual([['fully-masked-row', ['0-1']]]);
  });

  it('an empty sample beside a full one', async () => {
    const report = await diagnoseFile(join(folder, 'plain.onnx'), {
      lengths: { lengths: [0, 5], pad: 'left', seed: 1 },
    });
    expect(report.batch.roles).toEqual(['ppppp', 'rrrrr']);
    expect(births(report)).toEqual([['fully-masked-row', ['0-4', '']]]);
  });

  it('a mask of zeros', async () => {
    const report = await fed('plain', { input_ids: ids, attention_mask: int64([2, 5], Array<number>(10).fill(0)) });
    expect(births(report)).toEqual([['fully-masked-row', ['0-4', '0-4']]]);
  });

  it('float masks between 0 and 1: what the model does with each value counts', async () => {
    // m > 0.5 keeps a key.
    const values = [0, 0.25, 0.5, 0.75, 1, 1, 1, 1, 1, 0.75];
    const report = await fed('float_mask_where', { input_ids: ids, attention_mask: float32([2, 5], values) });
    expect(report.batch.roles).toEqual(['ppprr', 'rrrrr']);
    expect(births(report)).toEqual([['fully-masked-row', ['0-2', '']]]);
  });

  it('NaN in a mask that is compared: not kept, and an origin of its own', async () => {
    const values = [NaN, 0, 0, 1, 1, 1, 1, 1, 1, 1];
    const report = await fed('float_mask_where', { input_ids: ids, attention_mask: float32([2, 5], values) });
    expect(report.batch.roles).toEqual(['ppprr', 'rrrrr']);
    expect(births(report)).toEqual([
      ['fully-masked-row', ['0-2', '']],
      ['nan-in-input', ['0', '']],
    ]);
  });

  it('NaN in a mask that is added comes in with the input', async () => {
    const values = [NaN, none, 0, 0, 0, 0, 0, 0, 0, 0];
    const report = await fed('additive_input', { input_ids: ids, attention_bias: float32([2, 5], values) });
    expect(births(report)).toEqual([['nan-in-input', ['0', '']]]);
    expect(report.outputs[0]?.nanAt).toEqual(['0-4', '']);
  });

  it('a mask of [batch, 1, queries, keys] that masks nothing', async () => {
    const report = await fed('mask_4d', {
      input_ids: ids,
      attention_mask: float32([2, 1, 5, 5], Array<number>(50).fill(0)),
    });
    expect(report.batch.roles).toEqual(['rrrrr', 'rrrrr']);
    expect(births(report)).toEqual([]);
  });

  it('negative ids that the engine counts from the end', async () => {
    const report = await fed('plain', {
      input_ids: int64([2, 5], [-1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
      attention_mask: int64([2, 5], left),
    });
    expect(births(report)).toEqual([['fully-masked-row', ['0-2', '']]]);
  });
});

describe('a batch that holds nothing is no error', () => {
  it.each([
    ['no samples', 0, 5],
    ['no positions', 2, 0],
  ] as const)('%s', async (none, samples, positions) => {
    const nothing = int64([samples, positions], []);
    const report = await fed('plain', { input_ids: nothing, attention_mask: nothing });
    expect(report).toMatchObject({ origins: [], spread: [], silent: [], batch: { samples, positions } });
    expect(report.outputs.map(({ of, nanPositions }) => [of, nanPositions])).toEqual(
      report.outputs.map(() => [0, Array<number>(samples).fill(0)]),
    );
    expect(report.model.attention).toHaveLength(2);
    expect(verdictSentence(report)).toBe(`The batch has ${none}, so there is no element that could be NaN.`);
    expect(report.notes.join(' ')).toContain('The model was not run');
  });
});

describe('what is refused, in one sentence', () => {
  it.each([
    [
      'int8',
      'bool_mask',
      ids,
      { dtype: 'int8', dims: [2, 5], data: Int8Array.from(left) },
      /is int8, but the model wants bool/,
    ],
    ['3 axes', 'plain', ids, int64([2, 5, 1], left), /\[2, 5, 1\], but the model wants 2 axes/],
    ['4 axes', 'plain', ids, int64([2, 1, 1, 5], left), /\[2, 1, 1, 5\], but the model wants 2 axes/],
    [
      'ids far below 0',
      'plain',
      int64([2, 5], [-100, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
      int64([2, 5], left),
      /holds the id -100 at \[0, 0\], which is not within -16 to 15: the table ".*" has 16 rows/,
    ],
    [
      'ids beyond',
      'plain',
      int64([2, 5], [1, 2, 3, 4, 5, 6, 7, 8, 9, 16]),
      int64([2, 5], left),
      /holds the id 16 at \[1, 4\], which is not within -16 to 15/,
    ],
  ] as const)('%s', async (_, model, input_ids, attention_mask, message) => {
    await expect(fed(model, { input_ids, attention_mask })).rejects.toMatchObject({
      code: 'bad-input',
      exitCode: 2,
      message: expect.stringMatching(message) as string,
    });
  });
});
