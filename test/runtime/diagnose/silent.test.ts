/** Trouble that no NaN in an output shows: each with a model that has it and one that looks alike and has not. */
import { TensorProto_DataType as DataType } from 'onnx-buf';
import { describe, expect, it } from 'vitest';
import type { Report } from '../../../src/core/report';
import type { TensorData } from '../../../src/core/tensor';
import { diagnosed, diagnosedModel, fixture } from '../../support/diagnosing';
import { AttributeType, floats, model, node, value } from '../../unit/onnx/support';
import type { GraphInit, NodeInit } from '../../unit/onnx/support';

const f32 = (dims: readonly number[], values: readonly number[]): TensorData => ({
  dtype: 'float32',
  dims,
  data: Float32Array.from(values),
});
const ints = (dims: readonly number[], values: readonly number[]): TensorData => ({
  dtype: 'int64',
  dims,
  data: BigInt64Array.from(values.map(BigInt)),
});
const dims = ['batch', 'seq', 4];
const made = (nodes: readonly NodeInit[], more: Partial<GraphInit> = {}) =>
  model({ name: 'made', input: [value('x', dims)], output: [value('y', dims)], node: [...nodes], ...more });
const scalar = (name: string, number: number) => floats(name, Float32Array.of(number), []);
const integer = (name: string, i: number) => ({ name, type: AttributeType.INT, i: BigInt(i) });
// One sample of three positions; √x is NaN at position 0 only.
const oneNegative = f32([1, 3, 4], [-1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);

const silentOf = (report: Report) =>
  report.silent.map((finding) => [finding.mechanism, finding.node, finding.positions]);
const origins = (report: Report) => report.origins.map((origin) => [origin.mechanism, origin.node]);

describe('swallowed', () => {
  it('by ArgMax: the index is a whole number, and chosen from NaN', async () => {
    const report = await diagnosedModel(
      made(
        [
          node('Sqrt', ['x'], ['s'], { name: 'root' }),
          node('ArgMax', ['s'], ['y'], { name: 'choose', attribute: [integer('axis', 2)] }),
        ],
        {
          output: [value('y', ['batch', 'seq', 1], DataType.INT64)],
        },
      ),
      { x: oneNegative },
    );
    expect(origins(report)).toEqual([['sqrt-of-negative', 'root']]);
    expect(silentOf(report)).toEqual([['swallowed', 'choose', ['0']]]);
    expect(report.silent[0]?.evidence).toMatchObject({ bornAt: 'root', bornAs: 'sqrt-of-negative' });
    expect(report.silent[0]?.explanation).toContain('cannot be NaN');
  });

  it('by a cast to int', async () => {
    const report = await diagnosedModel(
      made([
        node('Sqrt', ['x'], ['s'], { name: 'root' }),
        node('Cast', ['s'], ['i'], { name: 'cast', attribute: [integer('to', DataType.INT32)] }),
        node('Cast', ['i'], ['y'], { attribute: [integer('to', DataType.FLOAT)] }),
      ]),
      { x: oneNegative },
    );
    // What the engine makes of int(NaN), −2³¹, is itself near a limit.
    expect(silentOf(report)[0]).toEqual(['swallowed', 'cast', ['0']]);
  });

  it('by leaving the position out', async () => {
    const report = await diagnosedModel(
      made(
        [
          node('Sqrt', ['x'], ['s'], { name: 'root' }),
          node('Slice', ['s', 'from', 'to', 'axes'], ['y'], { name: 'tail' }),
        ],
        {
          output: [value('y', ['batch', 'rest', 4])],
          initializer: [
            { name: 'from', dataType: DataType.INT64, dims: [1n], int64Data: [1n] },
            { name: 'to', dataType: DataType.INT64, dims: [1n], int64Data: [3n] },
            { name: 'axes', dataType: DataType.INT64, dims: [1n], int64Data: [1n] },
          ],
        },
      ),
      { x: oneNegative },
    );
    expect(origins(report)).toEqual([['sqrt-of-negative', 'root']]);
    expect(silentOf(report)).toEqual([['swallowed', 'tail', ['0']]]);
  });

  it('not where an output shows it', async () => {
    const report = await diagnosedModel(
      made(
        [
          node('Sqrt', ['x'], ['y'], { name: 'root' }),
          node('ArgMax', ['y'], ['i'], { attribute: [integer('axis', 2)] }),
        ],
        {
          output: [value('y', dims), value('i', ['batch', 'seq', 1], DataType.INT64)],
        },
      ),
      { x: oneNegative },
    );
    expect(origins(report)).toEqual([['sqrt-of-negative', 'root']]);
    expect(silentOf(report)).toEqual([]);
  });
});

describe('laundered', () => {
  // Every position reads every other one, and a test for NaN at the end makes it look healthy.
  const mixing: readonly NodeInit[] = [
    node('Sqrt', ['x'], ['s'], { name: 'root' }),
    node('Transpose', ['s'], ['t'], { attribute: [{ name: 'perm', type: AttributeType.INTS, ints: [0n, 2n, 1n] }] }),
    node('MatMul', ['s', 't'], ['m'], { name: 'mix' }),
    node('MatMul', ['m', 'x'], ['n']),
    node('IsNaN', ['n'], ['test']),
    node('Where', ['test', 'zero', 'n'], ['y'], { name: 'wipe' }),
  ];

  it('spread to clean positions, then wiped: the birth stays an origin', async () => {
    const report = await diagnosedModel(made(mixing, { initializer: [scalar('zero', 0)] }), { x: oneNegative });
    expect(origins(report)).toEqual([['sqrt-of-negative', 'root']]);
    expect(report.outputs[0]?.nanAt).toEqual(['']);
    expect(silentOf(report)).toEqual([['laundered', 'wipe', ['0-2']]]);
    expect(report.silent[0]?.explanation).toContain('a number that means nothing');
  });

  it('wiped where it was born is guarded, and no origin', async () => {
    const report = await diagnosedModel(
      made(
        [
          node('Sqrt', ['x'], ['s'], { name: 'root' }),
          node('IsNaN', ['s'], ['test']),
          node('Where', ['test', 'zero', 's'], ['y'], { name: 'guard' }),
        ],
        { initializer: [scalar('zero', 0)] },
      ),
      { x: oneNegative },
    );
    expect(report.origins).toEqual([]);
    expect(report.silent.map((finding) => finding.mechanism)).toEqual(['guarded']);
  });
});

describe('unmasked silently', () => {
  it('finfo.min in place of −inf: the pad rows attend, and only pads are concerned', async () => {
    const report = await diagnosed({
      model: 'builtin:kimi-k2-mini?layers=2&attention=finfo-min',
      lengths: { lengths: [2, 5], pad: 'left', seed: 1 },
    });
    expect(report.origins).toEqual([]);
    expect(report.silent).toMatchObject([
      {
        mechanism: 'unmasked-silently',
        op: 'Softmax',
        layer: 0,
        stage: 'attention',
        positions: ['0-2', ''],
        evidence: { realRows: 0, sites: 2, layers: [0, 1] },
      },
    ]);
    expect(report.silent[0]?.explanation).toContain('Only padding is concerned');
  });

  it('right padding masks no row throughout', async () => {
    const report = await diagnosed({
      model: 'builtin:kimi-k2-mini?layers=2&attention=finfo-min',
      lengths: { lengths: [2, 5], pad: 'right', seed: 1 },
    });
    expect(report.silent).toEqual([]);
  });

  it('−inf gives NaN instead', async () => {
    const report = await diagnosed({
      model: fixture('a1_mla_leftpad_inf_add_op13.onnx'),
      inputsFile: fixture('a1_mla_leftpad_inf_add_op13.inputs.npz'),
      fixes: false,
    });
    expect(report.silent).toEqual([]);
    expect(report.origins.length).toBeGreaterThan(0);
  });
});

describe('overflow risk', () => {
  const times = (factor: number) =>
    made([node('Mul', ['x', 'factor'], ['y'], { name: '/layers.0/mlp/Mul' })], {
      initializer: [scalar('factor', factor)],
    });
  const x = f32([1, 3, 4], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);

  it('above what float16 can hold', async () => {
    const report = await diagnosedModel(times(10000), { x });
    expect(report.silent).toMatchObject([
      {
        mechanism: 'overflow-risk',
        tensor: 'y',
        evidence: { absMax: 120000, limit: 65504, limitOf: 'float16', dtype: 'float32' },
      },
    ]);
    expect(report.silent[0]?.explanation).toContain('in float16 the same value is infinite');
  });

  it('a factor of two below it', async () => {
    const [finding] = (await diagnosedModel(times(2500), { x })).silent;
    expect(finding?.mechanism).toBe('overflow-risk');
    expect(finding?.explanation).toContain('a factor of 2.18 would be left');
  });

  it('near the end of float32 itself', async () => {
    const [finding] = (await diagnosedModel(times(2e37), { x })).silent;
    expect(finding?.evidence).toMatchObject({ limitOf: 'float32' });
    expect(finding?.explanation).toContain('a factor of 1.42 is all that is left');
  });

  it('small numbers are no risk', async () => {
    expect((await diagnosedModel(times(1000), { x })).silent).toEqual([]);
  });
});

describe('unread NaN weight', () => {
  const table = Float32Array.from({ length: 10 * 4 }, (_, i) => (i === 7 * 4 + 1 ? NaN : i));
  const embedding = (more: readonly NodeInit[] = [], output = 'y') =>
    model({
      name: 'made',
      input: [value('input_ids', ['batch', 'seq'], DataType.INT64)],
      output: [value(output, dims)],
      node: [node('Gather', ['table', 'input_ids'], ['y'], { name: '/embed_tokens/Gather' }), ...more],
      initializer: [floats('table', table, [10, 4])],
    });

  it('a token that does not occur has a damaged row', async () => {
    const report = await diagnosedModel(embedding(), { input_ids: ints([1, 3], [1, 2, 3]) });
    expect(report.origins).toEqual([]);
    expect(report.silent).toMatchObject([
      {
        mechanism: 'unread-nan-weight',
        tensor: 'table',
        node: '/embed_tokens/Gather',
        stage: 'embed',
        evidence: { weight: 'table', shape: [10, 4], nanElements: 1, nanRows: '7' },
      },
    ]);
  });

  const whole = (name: string, number: number) => ({
    name,
    dims: [1n],
    dataType: DataType.INT64,
    int64Data: [BigInt(number)],
  });

  it('a position that no sample is long enough for has a damaged row', async () => {
    const positions = Float32Array.from({ length: 8 * 4 }, (_, i) => (i >= 5 * 4 ? NaN : i));
    const learned = (length: number) =>
      diagnosedModel(
        model({
          name: 'made',
          input: [value('x', dims)],
          output: [value('y', dims)],
          node: [
            node('Shape', ['x'], ['shape']),
            node('Gather', ['shape', 'one'], ['length']),
            node('Slice', ['positions', 'zero', 'length', 'zero'], ['read'], { name: '/wpe/Slice' }),
            node('Add', ['x', 'read'], ['y'], { name: '/wpe/Add' }),
          ],
          initializer: [floats('positions', positions, [8, 4]), whole('zero', 0), whole('one', 1)],
        }),
        { x: f32([1, length, 4], new Array<number>(length * 4).fill(1)) },
      );
    const short = await learned(3);
    expect(short.origins).toEqual([]);
    expect(short.silent).toMatchObject([
      { mechanism: 'unread-nan-weight', tensor: 'positions', evidence: { nanElements: 12, nanRows: '5-7' } },
    ]);
    const long = await learned(6);
    expect(long.origins).toMatchObject([{ mechanism: 'nan-in-weights', positions: ['5'] }]);
    expect(long.silent).toEqual([]);
  });

  it('one that does occur is an origin, and not said twice', async () => {
    const report = await diagnosedModel(embedding(), { input_ids: ints([1, 3], [1, 7, 3]) });
    expect(report.origins).toMatchObject([{ mechanism: 'nan-in-weights', positions: ['1'] }]);
    expect(report.silent).toEqual([]);
  });

  it('+inf beside −inf in a weight is not NaN', async () => {
    const infinite = Float32Array.from({ length: 40 }, (_, i) => (i === 30 ? Infinity : i === 35 ? -Infinity : i));
    const report = await diagnosedModel(
      model({
        name: 'made',
        input: [value('input_ids', ['batch', 'seq'], DataType.INT64)],
        output: [value('y', dims)],
        node: [node('Gather', ['table', 'input_ids'], ['y'])],
        initializer: [floats('table', infinite, [10, 4])],
      }),
      { input_ids: ints([1, 3], [1, 2, 3]) },
    );
    expect(report.silent).toEqual([]);
  });
});
