/** Nodes without names, and values that belong to a sample but to no position. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create, toBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema, TensorProto_DataType as DataType } from 'onnx-buf';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeNpz } from '../../../src/core/batch/npz';
import type { Report } from '../../../src/core/report';
import { AttributeType, node, value } from '../../unit/onnx/support';
import type { GraphInit, ModelInit } from '../../unit/onnx/support';
import { diagnoseFile } from './diagnose';

const { FLOAT } = DataType;
const versions = [{ domain: '', version: 17n }];
// log of a negative number: sample 0, positions 1 and 2.
const x = Float32Array.of(1, 1, -1, 1, -1, -1, 2, 2, 3, 3, 4, 4);
const inputs = writeNpz({ x: { dtype: 'float32', dims: [2, 3, 2], data: x } });
const shape = ['batch', 'sequence', 2] as const;

const outer = (nodes: NonNullable<GraphInit['node']>, more: Partial<GraphInit> = {}): GraphInit => ({
  name: 'g',
  node: nodes,
  input: [value('x', shape, FLOAT)],
  output: [value('y', shape, FLOAT)],
  ...more,
});
let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nanoscope-odd-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function diagnosed(name: string, model: ModelInit): Promise<Report> {
  const path = join(folder, `${name}.onnx`);
  await writeFile(
    path,
    toBinary(ModelProtoSchema, create(ModelProtoSchema, { irVersion: 8n, opsetImport: versions, ...model })),
  );
  await writeFile(join(folder, `${name}.npz`), inputs);
  return diagnoseFile(path, { inputsFile: join(folder, `${name}.npz`) });
}

describe('odd nodes', () => {
  it('an unnamed node is called after its first output, and its positions are found', async () => {
    const report = await diagnosed('unnamed', {
      graph: outer([node('Log', ['x'], ['l'], { name: '' }), node('Identity', ['l'], ['y'], { name: '' })]),
    });
    expect(report.origins.map((origin) => [origin.node, origin.op, origin.positions])).toEqual([
      ['l', 'Log', ['1-2', '']],
    ]);
  });

  it('a class token in front of the positions stays with its sample', async () => {
    const axis = [{ name: 'axis', type: AttributeType.INT, i: 1n }];
    const axes = [{ name: 'axes', type: AttributeType.INTS, ints: [1n] }];
    // The least of all positions, put in front of them: negative for sample 0 only.
    const report = await diagnosed('token', {
      graph: outer(
        [
          node('ReduceMin', ['x'], ['token'], { attribute: axes }),
          node('Concat', ['token', 'x'], ['joined'], { attribute: axis }),
          node('Log', ['joined'], ['y'], { name: 'log' }),
        ],
        { output: [value('y', ['batch', 'length', 2], FLOAT)] },
      ),
    });
    // The token belongs to no position: it counts for all of its own sample's, and for no other sample.
    expect(report.origins.map((origin) => [origin.node, origin.positions])).toEqual([['log', ['0-2', '']]]);
  });
});
