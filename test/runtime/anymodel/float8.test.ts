/** Models with float8 inside: the engine runs them and hands no float8 out, and NaN is followed all the same. */
import { create } from '@bufbuild/protobuf';
import type { ModelProto } from 'onnx-buf';
import { ModelProtoSchema, TensorProto_DataType as T } from 'onnx-buf';
import { describe, expect, it } from 'vitest';
import type { Report } from '../../../src/core/report';
import { diagnosedModel } from '../../support/diagnosing';
import type { Step } from '../../support/operatorGraphs/build';
import { nodeOf, weight, whole } from '../../support/operatorGraphs/build';
import type { TensorInit } from '../../unit/onnx/support';
import { value } from '../../unit/onnx/support';

function model(
  run: readonly Step[],
  weights: Readonly<Record<string, TensorInit>> = {},
  { output = value('y', ['batch', 'sequence', 4]), input = value('x', ['batch', 'sequence', 4]) } = {},
): ModelProto {
  return create(ModelProtoSchema, {
    irVersion: 9n,
    opsetImport: [{ domain: '', version: 19n }],
    graph: {
      name: 'g',
      node: run.map(nodeOf),
      initializer: Object.entries(weights).map(([name, tensor]) => ({ ...tensor, name })),
      input: [input],
      output: [output],
    },
  });
}

const float8 = (dataType: number, dims: number[], bytes: number[]): TensorInit => ({
  name: '',
  dims: dims.map(BigInt),
  dataType,
  rawData: Uint8Array.from(bytes),
});

/** The second position holds −1: its logarithm is NaN. */
const x = whole('float32', [1, 3, 4], [1, 2, 3, 4, -1, 2, 3, 4, 1, 2, 3, 5]);
const births = ({ origins }: Report): unknown =>
  origins.map(({ node, mechanism, positions }) => [node, mechanism, positions]);
const types = { e4m3fn: T.FLOAT8E4M3FN, e4m3fnuz: T.FLOAT8E4M3FNUZ, e5m2: T.FLOAT8E5M2, e5m2fnuz: T.FLOAT8E5M2FNUZ };

describe('a float8 in the middle', () => {
  it.each(Object.entries(types))('%s: NaN passes through and is born where it is', async (_, type) => {
    const report = await diagnosedModel(
      model([
        'l = Log(x)',
        ['f = Cast(l)', { to: type }],
        ['t = Transpose(f)', { perm: [0, 2, 1] }],
        ['u = Transpose(t)', { perm: [0, 2, 1] }],
        ['y = Cast(u)', { to: T.FLOAT }],
      ]),
      { x },
    );
    expect(births(report)).toEqual([['Log_l', 'log-of-negative', ['1']]]);
    expect(report.outputs).toMatchObject([{ name: 'y', nanAt: ['1'] }]);
    expect(report.observer?.outputsBitEqual).toBe(true);
    expect(report.notes.join(' ')).toContain('float8 values are shown as float32');
  });

  it('a value beyond the range of e4m3fn becomes NaN where the cast does not saturate: that is the birth', async () => {
    const report = await diagnosedModel(
      model(
        ['m = Mul(x, big)', ['f = Cast(m)', { to: T.FLOAT8E4M3FN, saturate: 0 }], ['y = Cast(f)', { to: T.FLOAT }]],
        { big: { ...weight([1]), dims: [1n], rawData: new Uint8Array(Float32Array.of(100).buffer) } },
      ),
      { x },
    );
    // 448 is the largest: 5 × 100 is beyond it.
    expect(births(report)).toEqual([['Cast_f', 'unknown', ['2']]]);
  });

  it('quantised and back, with weights in float8', async () => {
    const report = await diagnosedModel(
      model(
        [
          'l = Log(x)',
          'q = QuantizeLinear(l, scale, zero)',
          'd = DequantizeLinear(q, scale, zero)',
          'w = DequantizeLinear(w8, scale, zero)',
          'y = MatMul(d, w)',
        ],
        {
          scale: { ...weight([]), dims: [], rawData: new Uint8Array(Float32Array.of(0.5).buffer) },
          zero: float8(T.FLOAT8E4M3FN, [], [0]),
          // 1.0 on the diagonal.
          w8: float8(T.FLOAT8E4M3FN, [4, 4], [0x38, 0, 0, 0, 0, 0x38, 0, 0, 0, 0, 0x38, 0, 0, 0, 0, 0x38]),
        },
      ),
      { x },
    );
    expect(births(report)).toEqual([['Log_l', 'log-of-negative', ['1']]]);
    expect(report.outputs).toMatchObject([{ nanAt: ['1'] }]);
    // The engine's own optimisation makes of it what it has no kernel for; that is told, and no end of the diagnosis.
    expect(report.observer).toMatchObject({ outputsBitEqual: true, userLevel: null });
    expect(report.notes.join(' ')).toMatch(/not at the level all: .*float8e4m3fn.* Use the level disabled/);
  });

  it('that is an output', async () => {
    const report = await diagnosedModel(
      model(
        ['l = Log(x)', ['y = Cast(l)', { to: T.FLOAT8E5M2 }]],
        {},
        {
          output: value('y', ['batch', 'sequence', 4], T.FLOAT8E5M2),
        },
      ),
      { x },
    );
    expect(births(report)).toEqual([['Log_l', 'log-of-negative', ['1']]]);
    expect(report.outputs).toMatchObject([{ name: 'y', nanAt: ['1'] }]);
  });
});

it('an input in float8 is refused by its name', async () => {
  const odd = model(
    [['y = Cast(x)', { to: T.FLOAT }]],
    {},
    { input: value('x', ['batch', 'sequence', 4], T.FLOAT8E4M3FN) },
  );
  await expect(diagnosedModel(odd, null)).rejects.toMatchObject({
    exitCode: 3,
    code: 'unsupported-type',
    message: 'The input "x" of this model is float8e4m3fn, which the engine cannot be fed with.',
    hint: expect.stringContaining('float32') as string,
  });
});
