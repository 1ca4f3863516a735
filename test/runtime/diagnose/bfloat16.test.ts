/** bfloat16 models: refused in one sentence, or run cast to float32 with that said, wherever the type stands. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create, toBinary } from '@bufbuild/protobuf';
import {
  ModelProtoSchema,
  TensorProtoSchema,
  TensorProto_DataLocation,
  TensorProto_DataType as DataType,
} from 'onnx-buf';
import type { ModelProto } from 'onnx-buf';
import { describe, expect, it } from 'vitest';
import { toBfloat16Bits } from '../../../src/core/batch/half';
import { writeNpz } from '../../../src/core/batch/npz';
import type { Report } from '../../../src/core/report';
import { diagnosed, diagnosedModel } from '../../support/diagnosing';
import { f32, int, named } from '../../support/tinyAttention';
import { AttributeType, model, node, value } from '../../unit/onnx/support';
import type { GraphInit, ModelInit, NodeInit, TensorInit } from '../../unit/onnx/support';

const BF = DataType.BFLOAT16;
const bits = (...values: number[]): Uint8Array<ArrayBuffer> => new Uint8Array(toBfloat16Bits(values).buffer).slice();
const weight = (name: string, ...values: number[]): TensorInit => ({
  name,
  dims: [BigInt(values.length)],
  dataType: BF,
  rawData: bits(...values),
});
const x = f32([1, 2, 4], [1, 2, 3, 4, 1, -2, 3, 4]);
const request = { fixes: false, cast: 'float32' as const };

/** `y = sqrt(x · w)`, all in bfloat16: NaN at position 1. */
const nodes = [named('Mul', 'Mul', ['x', 'w'], 'a'), named('Sqrt', 'Sqrt', ['a'], 'y')];
const graph = (own: NodeInit[], initializer: TensorInit[], more: Partial<GraphInit> = {}): GraphInit => ({
  name: 'g',
  input: [value('x', ['batch', 'seq', 4], BF)],
  output: [value('y', ['batch', 'seq', 4], BF)],
  initializer,
  node: own,
  ...more,
});
const built = (own: NodeInit[], initializer: TensorInit[], more: ModelInit = {}): ModelProto =>
  model(graph(own, initializer), {
    opsetImport: [
      { domain: '', version: 17n },
      { domain: 'local', version: 1n },
    ],
    ...more,
  });

function expectCast(report: Report, node = 'Sqrt'): void {
  expect(report.origins.map((origin) => [origin.node, origin.mechanism, origin.positions])).toEqual([
    [node, 'sqrt-of-negative', ['1']],
  ]);
  expect(report.model.cast).toBe('float32');
  expect(report.notes[0]).toContain('run cast to float32');
  expect(report.observer).toMatchObject({ outputsBitEqual: true, userLevel: { sameNanPositions: true } });
  expect(report.observer).not.toHaveProperty('roundedTo');
}

describe('a bfloat16 model', () => {
  it('is refused with the way out, in one sentence', async () => {
    await expect(
      diagnosedModel(built(nodes, [weight('w', 1, 1, 1, 1)]), { x }, { fixes: false }),
    ).rejects.toMatchObject({
      code: 'unsupported-type',
      message: 'model.onnx computes in bfloat16, which the CPU engine cannot run as it is.',
      hint: expect.stringContaining('--cast float32') as string,
    });
  });

  it('with a graph input of the type: fed float32, or a made batch', async () => {
    expectCast(await diagnosedModel(built(nodes, [weight('w', 1, 1, 1, 1)]), { x }, request));
    const made = await diagnosedModel(built(nodes, [weight('w', 1, 1, 1, 1)]), null, request);
    expect(made.batch.inputs.x).toMatchObject({ dtype: 'float32' });
  });

  it('fed by an ONNX tensor of the type', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'nanoscope-bf16-'));
    try {
      const tensor = create(TensorProtoSchema, {
        name: 'x',
        dims: [1n, 2n, 4n],
        dataType: BF,
        rawData: bits(1, 2, 3, 4, 1, -2, 3, 4),
      });
      await writeFile(join(folder, 'x.pb'), toBinary(TensorProtoSchema, tensor));
      const path = join(folder, 'model.onnx');
      await writeFile(path, toBinary(ModelProtoSchema, built(nodes, [weight('w', 1, 1, 1, 1)])));
      expectCast(await diagnosed({ model: path, inputsFile: join(folder, 'x.pb'), ...request }));
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  it('with weights in a file of their own, in the main graph and in a branch', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'nanoscope-bf16-'));
    try {
      const outside = (name: string, offset: number): TensorInit => ({
        name,
        dims: [4n],
        dataType: BF,
        dataLocation: TensorProto_DataLocation.EXTERNAL,
        externalData: Object.entries({ location: 'w.bin', offset: String(offset), length: '8' }).map(([key, own]) => ({
          key,
          value: own,
        })),
      });
      await writeFile(join(folder, 'w.bin'), bits(1, 1, 1, 1, 2, 2, 2, 2));
      await writeFile(join(folder, 'x.npz'), writeNpz({ x }));
      const branch = (name: string): GraphInit => ({
        name,
        initializer: [outside(`${name}_v`, 8)],
        node: [named(`${name}_Mul`, 'Mul', ['s', `${name}_v`], `${name}_m`)],
        output: [value(`${name}_m`, ['batch', 'seq', 4], BF)],
      });
      const attribute = ['then_branch', 'else_branch'].map((name) => ({
        name,
        type: AttributeType.GRAPH,
        g: branch(name),
      }));
      const proto = built(
        [
          named('Mul', 'Mul', ['x', 'w'], 'a'),
          named('Sqrt', 'Sqrt', ['a'], 's'),
          node('If', ['yes'], ['y'], { name: 'If', attribute }),
        ],
        [outside('w', 0), { name: 'yes', dims: [], dataType: DataType.BOOL, int32Data: [1] }],
      );
      const path = join(folder, 'model.onnx');
      await writeFile(path, toBinary(ModelProtoSchema, proto));
      const report = await diagnosed({ model: path, inputsFile: join(folder, 'x.npz'), ...request });
      expectCast(report);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  it('in a branch and in a local function: weights, constants and casts', async () => {
    const constant = (name: string): NodeInit =>
      node('Constant', [], [name], {
        attribute: [{ name: 'value', type: AttributeType.TENSOR, t: weight('', 1, 1, 1, 1) }],
      });
    const branch = (name: string): GraphInit => ({
      name,
      initializer: [weight(`${name}_v`, 1, 1, 1, 1)],
      node: [
        constant(`${name}_c`),
        node('Mul', ['a', `${name}_v`], [`${name}_m`]),
        node('Mul', [`${name}_m`, `${name}_c`], [`${name}_n`]),
        named('inner', 'Sqrt', [`${name}_n`], `${name}_s`),
      ],
      output: [value(`${name}_s`, ['batch', 'seq', 4], BF)],
    });
    const attribute = ['then_branch', 'else_branch'].map((name) => ({
      name,
      type: AttributeType.GRAPH,
      g: branch(name),
    }));
    const proto = built(
      [
        node('Scale', ['x'], ['a'], { domain: 'local', name: 'call' }),
        node('If', ['yes'], ['y'], { name: 'If', attribute }),
      ],
      [{ name: 'yes', dims: [], dataType: DataType.BOOL, int32Data: [1] }],
      {
        functions: [
          {
            name: 'Scale',
            domain: 'local',
            input: ['f'],
            output: ['g'],
            opsetImport: [{ domain: '', version: 17n }],
            node: [
              constant('k'),
              named('wide', 'Cast', ['f'], 'w', int('to', DataType.FLOAT)),
              named('narrow', 'Cast', ['w'], 'n', int('to', BF)),
              node('Mul', ['n', 'k'], ['g']),
            ],
          },
        ],
      },
    );
    expectCast(await diagnosedModel(proto, { x }, request), 'If/then_branch/inner');
  });

  it('with weights so big that they stay in the file, as an initializer and in a Constant node', async () => {
    const big = Array.from({ length: 4 * 40_000 }, () => 1);
    const rawData = new Uint8Array(toBfloat16Bits(big).buffer).slice();
    const large = (name: string): TensorInit => ({ name, dataType: BF, rawData, dims: [40_000n, 4n] });
    const take = (table: string): NodeInit[] => [named('Row', 'Gather', [table, 'one'], 'w', int('axis', 0)), ...nodes];
    const one: TensorInit = { name: 'one', dims: [], dataType: DataType.INT64, int64Data: [1n] };
    expectCast(await diagnosedModel(built(take('table'), [large('table'), one]), { x }, request));
    const inNode = node('Constant', [], ['table'], {
      attribute: [{ name: 'value', type: AttributeType.TENSOR, t: large('') }],
    });
    expectCast(await diagnosedModel(built([inNode, ...take('table')], [one]), { x }, request));
  });
});
