/** More positions than a model has: the table, its length and the sample are named, not the node that then failed. */
import { create } from '@bufbuild/protobuf';
import type { ModelProto } from 'onnx-buf';
import { ModelProtoSchema, TensorProto_DataType as T } from 'onnx-buf';
import { describe, expect, it } from 'vitest';
import type { Report } from '../../../src/core/report';
import { diagnosed, diagnosedModel } from '../../support/diagnosing';
import { constant, ids, integers, nodeOf, weight, whole } from '../../support/operatorGraphs/build';
import type { Step } from '../../support/operatorGraphs/build';
import type { TensorInit } from '../../unit/onnx/support';
import { value } from '../../unit/onnx/support';

const long = (model: string, lengths: readonly number[]): Promise<Report> =>
  diagnosed({ model, lengths: { lengths, pad: 'right', seed: 1 }, fixes: false });

describe('built-in models', () => {
  it('bert-mini has 512', async () => {
    await expect(long('builtin:bert-mini?layers=1', [5, 600])).rejects.toMatchObject({
      code: 'bad-input',
      message: expect.stringMatching(
        /^The model has 512 positions, and sample 1 has 600: they are the rows of the table ".*position_embeddings\.weight"/,
      ) as string,
      hint: 'Give samples of at most 512 positions.',
    });
  });

  it.each(['counted', 'arange'])('gpt2-mini has 1024, positions=%s', async (positions) => {
    await expect(
      long(`builtin:gpt2-mini?layers=1&hidden=16&heads=1&positions=${positions}`, [1030, 3]),
    ).rejects.toMatchObject({
      code: 'bad-input',
      message: expect.stringMatching(
        /^The model has 1024 positions, and sample 0 has 1030: they are the rows of the table ".*wpe\.weight"/,
      ) as string,
    });
  });

  it('the last position that there is can be used', async () => {
    expect((await long('builtin:bert-mini?layers=1&hidden=16&heads=1', [512, 500])).batch.positions).toBe(512);
  });
});

/** Tokens plus positions; `run` makes `places` and may read `input_ids`, `position_ids` and `table` (8 rows). */
function model(run: readonly Step[], weights: Readonly<Record<string, TensorInit>> = {}, given = false): ModelProto {
  return create(ModelProtoSchema, {
    irVersion: 8n,
    opsetImport: [{ domain: '', version: 17n }],
    graph: {
      name: 'g',
      node: ['words = Gather(vocabulary, input_ids)', ...run, 'y = Add(words, places)'].map(nodeOf),
      initializer: Object.entries({ vocabulary: weight([16, 4]), table: weight([8, 4]), ...weights }).map(
        ([name, tensor]) => ({ ...tensor, name }),
      ),
      input: [
        value('input_ids', ['batch', 'sequence'], T.INT64),
        ...(given ? [value('position_ids', ['batch', 'sequence'], T.INT64)] : []),
      ],
      output: [value('y', ['batch', 'sequence', 4])],
    },
  });
}
const scalar = (number: number): TensorInit => constant('int64', [], [number]);
const fed = { input_ids: ids([2, 9], 16) };

describe('models of others', () => {
  it('positions counted by Range', async () => {
    const ranged = model(
      [
        'shape = Shape(input_ids)',
        'length = Gather(shape, one)',
        'at = Range(zero, length, one)',
        'places = Gather(table, at)',
      ],
      { zero: scalar(0), one: scalar(1) },
    );
    await expect(diagnosedModel(ranged, fed)).rejects.toMatchObject({
      code: 'bad-input',
      message:
        'The model has 8 positions, and the batch has 9: they are the rows of the table "table", which "Gather_places" reads.',
    });
  });

  it('the first rows of a table, sliced off', async () => {
    const sliced = model(
      [
        'shape = Shape(input_ids)',
        'length = Slice(shape, one, two, zero)',
        'places = Slice(positions, zero, length, one)',
      ],
      { positions: weight([1, 8, 4]), zero: integers(0), one: integers(1), two: integers(2) },
    );
    await expect(diagnosedModel(sliced, fed)).rejects.toMatchObject({
      message:
        'The model has 8 positions, and the batch has 9: they are the rows of the table "positions", which "Slice_places" reads.',
    });
  });

  it('an offset that the table has room for in short batches only', async () => {
    const offset = model(
      [
        'shape = Shape(input_ids)',
        'length = Gather(shape, one)',
        'end = Add(length, two)',
        'at = Range(two, end, one)',
        'places = Gather(table, at)',
      ],
      { one: scalar(1), two: scalar(2) },
    );
    await expect(diagnosedModel(offset, { input_ids: ids([2, 7], 16) })).rejects.toMatchObject({
      message:
        'The model has 8 positions, the rows of the table "table", which "Gather_places" reads, and row 8 was asked for, although the batch has only 7.',
    });
  });

  it('position ids of the batch that are too large', async () => {
    const given = model(['places = Gather(table, position_ids)'], {}, true);
    const position_ids = whole('int64', [2, 3], [0, 1, 2, 0, 1, 40]);
    await expect(diagnosedModel(given, { input_ids: ids([2, 3], 16), position_ids })).rejects.toMatchObject({
      message: expect.stringMatching(/The model has 8 positions.* row 40 was asked for/) as string,
      hint: expect.stringContaining('position ids of the batch') as string,
    });
  });

  it('a token beyond the vocabulary is not taken for a position', async () => {
    const given = model(['places = Gather(table, position_ids)'], {}, true);
    await expect(
      diagnosedModel(given, {
        input_ids: whole('int64', [2, 3], [0, 1, 2, 3, 99, 5]),
        position_ids: whole('int64', [2, 3], [0, 1, 2, 0, 1, 2]),
      }),
    ).rejects.toMatchObject({
      message:
        'The input "input_ids" holds the id 99 at [1, 1], which is not within -16 to 15: the table "vocabulary" has 16 rows.',
    });
  });

  it('another failure is left as it is', async () => {
    const wrong = model(['places = Transpose(table)']);
    await expect(diagnosedModel(wrong, { input_ids: ids([2, 3], 16) })).rejects.not.toMatchObject({
      message: expect.stringContaining('positions') as string,
    });
  });
});
