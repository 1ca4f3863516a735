/** Small models made to mislead: what must not be called NaN, and what must be found although it hides. */
import { verdictSentence } from '../../../src/core/trace/verdict';
import { TensorProto_DataType as DataType } from 'onnx-buf';
import { describe, expect, it } from 'vitest';
import { toFloat16Bits } from '../../../src/core/batch/half';
import type { TensorData } from '../../../src/core/tensor';
import { diagnosedModel } from '../../support/diagnosing';
import { AttributeType, floats, model, node, value } from '../../unit/onnx/support';
import type { GraphInit, NodeInit } from '../../unit/onnx/support';

const f32 = (dims: readonly number[], values: readonly number[]): TensorData => ({
  dtype: 'float32',
  dims,
  data: Float32Array.from(values),
});
const dims = ['batch', 'seq', 4];
const graph = (
  nodes: readonly NodeInit[],
  outputs: readonly string[],
  more: Partial<GraphInit> = {},
  type: number = DataType.FLOAT,
) =>
  model({
    name: 'made',
    input: [value('x', dims, type)],
    output: outputs.map((name) => value(name, dims, type)),
    node: [...nodes],
    ...more,
  });
const scalar = (name: string, number: number) => floats(name, Float32Array.of(number), []);
const short = (list: readonly { node: string | null; mechanism: string; positions: readonly string[] | null }[]) =>
  list.map((item) => [item.node, item.mechanism, item.positions]);

const nan = NaN;
// [1 sample, 3 positions, 4 features]
const plain = f32([1, 3, 4], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);

describe('a sum that is NaN without a NaN element', () => {
  it('+inf and −inf side by side are not NaN', async () => {
    // x is finite; x / 0 gives +inf and −inf in one row, the rest copies them.
    const made = graph(
      [node('Div', ['x', 'zero'], ['d']), node('Identity', ['d'], ['i']), node('Neg', ['i'], ['y'])],
      ['y'],
      {
        initializer: [scalar('zero', 0)],
      },
    );
    const report = await diagnosedModel(made, { x: f32([1, 3, 4], [1, 2, 3, 4, 1, -1, 1, -1, 1, 1, 1, 1]) });
    expect(report.origins).toEqual([]);
    expect(report.spread).toEqual([]);
    expect(report.outputs).toEqual([{ name: 'y', nanPositions: [0], of: 3, nanAt: [''] }]);
    const y = report.table.find((row) => row.tensor === 'y');
    expect(y?.samples?.[0]).toMatchObject({ nan: 0, posInf: 1, negInf: 3 });
  });

  it('a sum that leaves float32 in both directions is not NaN', async () => {
    const big = 3e38;
    const made = graph([node('Neg', ['x'], ['n']), node('Neg', ['n'], ['y'])], ['y']);
    const report = await diagnosedModel(made, {
      x: f32([1, 1, 4], [big, big, -big, -big]),
    });
    expect(report.origins).toEqual([]);
    expect(report.outputs[0]?.nanAt).toEqual(['']);
  });

  it('the real birth behind it is found: softmax of a row with +inf and −inf', async () => {
    const made = graph(
      [
        node('Div', ['x', 'zero'], ['d'], { name: '/blocks.0/attn/Div' }),
        node('Softmax', ['d'], ['p'], { name: '/blocks.0/attn/Softmax' }),
        node('Mul', ['p', 'two'], ['y']),
      ],
      ['y'],
      { initializer: [scalar('zero', 0), scalar('two', 2)] },
    );
    const report = await diagnosedModel(made, { x: f32([1, 3, 4], [-1, -2, -3, -4, 1, -1, 1, -1, 5, 1, 1, 1]) });
    // Position 0: −inf throughout, but no mask did that. Positions 1 and 2: +inf in the row.
    expect(short(report.origins)).toEqual([['/blocks.0/attn/Softmax', 'score-overflow', ['0-2']]]);
    expect(report.origins[0]?.explanation).toContain('1 more rows are −inf throughout');
    expect(report.origins[0]?.evidence.from).toMatchObject({ op: 'Div', values: [1, 0], result: 'Infinity' });
    expect(report.outputs[0]?.nanAt).toEqual(['0-2']);
  });

  it('a mixed row that hides behind a real NaN elsewhere', async () => {
    // Position 0 holds NaN, which Where removes; position 1 holds +inf and −inf, which stay.
    const made = graph(
      [
        node('Div', ['x', 'zero'], ['d']),
        node('IsNaN', ['d'], ['isnan']),
        node('Where', ['isnan', 'one', 'd'], ['w']),
        node('Neg', ['w'], ['y']),
      ],
      ['y'],
      { initializer: [scalar('zero', 0), scalar('one', 1)] },
    );
    const report = await diagnosedModel(made, { x: f32([1, 3, 4], [0, 1, 1, 1, 1, -1, 1, -1, 0, 1, -1, 1]) });
    expect(report.outputs[0]?.nanAt).toEqual(['']);
    expect(report.origins).toEqual([]);
    expect(short(report.silent)).toEqual([['Div_d', 'guarded', ['0,2']]]);
  });
});

describe('NaN that nobody computed', () => {
  it('in a graph input: an origin without a node, and what it reaches is not born again', async () => {
    const made = graph([node('Neg', ['x'], ['n']), node('Neg', ['n'], ['y'])], ['y']);
    const report = await diagnosedModel(made, {
      x: f32([2, 2, 4], [nan, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, nan]),
    });
    expect(report.origins).toMatchObject([
      { node: null, op: null, tensor: 'x', mechanism: 'nan-in-input', positions: ['0', '1'] },
    ]);
    expect(report.outputs[0]?.nanAt).toEqual(['0', '1']);
  });

  it('in a Constant node', async () => {
    const made = graph(
      [
        node('Constant', [], ['c'], {
          attribute: [{ name: 'value', type: AttributeType.TENSOR, t: floats('', Float32Array.of(1, nan, 1, 1)) }],
        }),
        node('Add', ['x', 'c'], ['y']),
      ],
      ['y'],
    );
    const report = await diagnosedModel(made, { x: plain });
    expect(short(report.origins)).toEqual([['Add_y', 'nan-in-weights', ['0-2']]]);
    expect(report.origins[0]?.evidence.weights).toEqual(['c']);
  });

  it('in a Constant node, through Identity, as an attribute float', async () => {
    const made = graph(
      [
        node('Constant', [], ['c'], { attribute: [{ name: 'value_float', type: AttributeType.FLOAT, f: nan }] }),
        node('Identity', ['c'], ['same']),
        node('Mul', ['x', 'same'], ['y']),
      ],
      ['y'],
    );
    const report = await diagnosedModel(made, { x: plain });
    // The first node that reads the constant; it has no positions, all of the output has it.
    expect(short(report.origins)).toEqual([['Identity_same', 'nan-in-weights', null]]);
    expect(report.outputs[0]?.nanAt).toEqual(['0-2']);
  });

  it('in a weight that nothing of this batch reads', async () => {
    const made = graph([node('Where', ['never', 'w', 'x'], ['y'])], ['y'], {
      initializer: [
        floats('w', Float32Array.of(nan, nan, nan, nan)),
        { name: 'never', dims: [], dataType: DataType.BOOL, int32Data: [0] },
      ],
    });
    const report = await diagnosedModel(made, { x: plain });
    expect(report.origins).toEqual([]);
    expect(report.outputs[0]?.nanAt).toEqual(['']);
  });
});

describe('unusual outputs', () => {
  const sqrt = (outputs: readonly string[]) =>
    graph([node('Sqrt', ['x'], ['s']), node('Add', ['s', 'one'], ['y'])], outputs, { initializer: [scalar('one', 1)] });
  const x = f32([1, 3, 4], [1, 1, 1, 1, -1, 1, 1, 1, 4, 4, 4, 4]);

  it('a value that is an output and read further', async () => {
    const report = await diagnosedModel(sqrt(['s', 'y']), { x });
    expect(short(report.origins)).toEqual([['Sqrt_s', 'sqrt-of-negative', ['1']]]);
    expect(report.outputs.map(({ name, nanAt }) => [name, nanAt])).toEqual([
      ['s', ['1']],
      ['y', ['1']],
    ]);
    expect(report.observer?.outputsBitEqual).toBe(true);
  });

  it('no value is counted twice where an output is listed twice', async () => {
    // ONNX Runtime refuses such a graph: one clear sentence, no crash.
    const result = await diagnosedModel(sqrt(['y', 'y']), { x }).catch((error: unknown) => error as Error);
    if (result instanceof Error) expect(result).toMatchObject({ name: 'NanoscopeError' });
    else expect(result.outputs).toHaveLength(2);
  });

  it('an output that is an input', async () => {
    const made = graph([node('Neg', ['x'], ['y'])], ['y', 'x']);
    const result = await diagnosedModel(made, { x }).catch((error: unknown) => error as Error);
    if (result instanceof Error) expect(result).toMatchObject({ name: 'NanoscopeError' });
    else expect(result.outputs.map(({ nanAt }) => nanAt)).toEqual([[''], ['']]);
  });
});

describe('unusual element types', () => {
  it('float64', async () => {
    const made = graph([node('Sqrt', ['x'], ['s']), node('Neg', ['s'], ['y'])], ['y'], {}, DataType.DOUBLE);
    const x: TensorData = {
      dtype: 'float64',
      dims: [2, 2, 4],
      data: Float64Array.from({ length: 16 }, (_, i) => 8 - i),
    };
    const report = await diagnosedModel(made, { x });
    // Elements 9 … 15 are negative: positions 0 and 1 of sample 1.
    expect(short(report.origins)).toEqual([['Sqrt_s', 'sqrt-of-negative', ['', '0-1']]]);
    expect(report.outputs[0]?.nanAt).toEqual(['', '0-1']);
  });

  it('float64 beyond the range of float32 is finite', async () => {
    const made = graph([node('Mul', ['x', 'x'], ['y'])], ['y'], {}, DataType.DOUBLE);
    const x: TensorData = { dtype: 'float64', dims: [1, 1, 4], data: Float64Array.of(1e100, -1e100, 1, 0) };
    const report = await diagnosedModel(made, { x });
    expect(report.outputs[0]?.nanAt).toEqual(['']);
    expect(report.table.find((row) => row.tensor === 'y')?.samples?.[0]).toMatchObject({ posInf: 0, max: 1e200 });
  });

  it('float16', async () => {
    const made = graph([node('Sqrt', ['x'], ['s']), node('Neg', ['s'], ['y'])], ['y'], {}, DataType.FLOAT16);
    const x: TensorData = { dtype: 'float16', dims: [1, 2, 4], data: toFloat16Bits([1, 4, 9, 16, 1, -4, 9, 16]) };
    const report = await diagnosedModel(made, { x });
    expect(short(report.origins)).toEqual([['Sqrt_s', 'sqrt-of-negative', ['1']]]);
    expect(report.outputs[0]?.nanAt).toEqual(['1']);
  });

  it('float16 values whose sum leaves float16 are finite', async () => {
    const made = graph([node('Neg', ['x'], ['n']), node('Neg', ['n'], ['y'])], ['y'], {}, DataType.FLOAT16);
    const x: TensorData = { dtype: 'float16', dims: [1, 1, 4], data: toFloat16Bits([6e4, 6e4, -6e4, 6e4]) };
    const report = await diagnosedModel(made, { x });
    expect(report.origins).toEqual([]);
    expect(report.table.find((row) => row.tensor === 'y')?.samples?.[0]).toMatchObject({
      nan: 0,
      posInf: 0,
      negInf: 0,
    });
  });

  it('integers only', async () => {
    const made = graph([node('Neg', ['x'], ['y'])], ['y'], {}, DataType.INT64);
    const x: TensorData = {
      dtype: 'int64',
      dims: [1, 2, 4],
      data: BigInt64Array.from({ length: 8 }, (_, i) => BigInt(i)),
    };
    const report = await diagnosedModel(made, { x });
    expect(report.origins).toEqual([]);
    expect(report.table).toEqual([]);
    expect(report.observer?.outputsBitEqual).toBe(true);
  });
});

describe('unusual shapes', () => {
  const made = (
    inputDims: readonly (number | string)[],
    nodes: readonly NodeInit[],
    outDims: readonly (number | string)[],
  ) =>
    model({
      name: 'made',
      input: [value('x', inputDims)],
      output: [value('y', outDims)],
      node: [...nodes],
      initializer: [scalar('one', 1)],
    });

  it('no position axis: a single row of numbers', async () => {
    const report = await diagnosedModel(made(['batch'], [node('Log', ['x'], ['y'])], ['batch']), {
      x: f32([3], [1, -1, 1]),
    });
    expect(short(report.origins)).toEqual([['Log_y', 'log-of-negative', ['', '0', '']]]);
    expect(report.outputs).toEqual([{ name: 'y', nanPositions: [0, 1, 0], of: 1, nanAt: ['', '0', ''] }]);
  });

  it('a scalar', async () => {
    const report = await diagnosedModel(made([], [node('Log', ['x'], ['l']), node('Add', ['l', 'one'], ['y'])], []), {
      x: f32([], [-1]),
    });
    expect(report.origins).toMatchObject([{ node: 'Log_l', mechanism: 'log-of-negative', positions: null }]);
    expect(report.outputs).toEqual([{ name: 'y', nanPositions: null, of: 1, nanAt: null }]);
  });

  it('no elements at all', async () => {
    const report = await diagnosedModel(made(['batch', 'seq', 4], [node('Log', ['x'], ['y'])], ['batch', 'seq', 4]), {
      x: f32([2, 0, 4], []),
    });
    expect(report).toMatchObject({
      origins: [],
      outputs: [{ name: 'y', nanPositions: [0, 0], of: 0, nanAt: ['', ''] }],
    });
  });

  it('a mean over no positions is run: its output has elements', async () => {
    const axes = [
      { name: 'axes', type: AttributeType.INTS, ints: [1n] },
      { name: 'keepdims', type: AttributeType.INT, i: 0n },
    ];
    const pooled = made(['batch', 'seq', 4], [node('ReduceMean', ['x'], ['y'], { attribute: axes })], ['batch', 4]);
    const report = await diagnosedModel(pooled, { x: f32([2, 0, 4], []) });
    // PyTorch has NaN here; this engine gives 0 for a mean of nothing, and it is the engine's run that is told.
    expect(report.origins).toEqual([]);
    expect(report.outputs).toEqual([{ name: 'y', nanPositions: [0, 0], of: 1, nanAt: ['', ''] }]);
    expect(verdictSentence(report)).toBe('No NaN anywhere: 2 samples, 0 positions, none of them padding.');
  });

  it('a mean over positions: NaN of one reaches the pooled output', async () => {
    const pooled = made(
      ['batch', 'seq', 4],
      [
        node('Log', ['x'], ['l']),
        node('ReduceMean', ['l'], ['y'], {
          attribute: [
            { name: 'axes', type: AttributeType.INTS, ints: [1n] },
            { name: 'keepdims', type: AttributeType.INT, i: 0n },
          ],
        }),
      ],
      ['batch', 4],
    );
    const report = await diagnosedModel(pooled, {
      x: f32([2, 2, 4], [1, 1, 1, 1, 1, -1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]),
    });
    expect(short(report.origins)).toEqual([['Log_l', 'log-of-negative', ['1', '']]]);
    expect(report.outputs).toEqual([{ name: 'y', nanPositions: [1, 0], of: 1, nanAt: ['0', ''] }]);
  });
});
