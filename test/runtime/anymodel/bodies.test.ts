/** Bodies of If and Loop and local functions are measured at their boundary, and the report says so. */
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

const { FLOAT, BOOL } = DataType;
const versions = [
  { domain: '', version: 17n },
  { domain: 'local', version: 1n },
];
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
const logBody = (name: string, output: string): GraphInit => ({
  name,
  node: [node('Log', ['x'], [output])],
  output: [value(output, shape, FLOAT)],
});

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nanoscope-bodies-'));
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

describe('bodies', () => {
  it('If: born at the node; its positions are not known', async () => {
    const condition = { name: 'c', dims: [], dataType: BOOL, int32Data: [1] };
    const branches = [
      { name: 'then_branch', type: AttributeType.GRAPH, g: logBody('then', 't') },
      { name: 'else_branch', type: AttributeType.GRAPH, g: logBody('else', 'e') },
    ];
    const report = await diagnosed('if', {
      graph: outer(
        [node('If', ['c'], ['i'], { name: 'choose', attribute: branches }), node('Identity', ['i'], ['y'])],
        {
          initializer: [condition],
        },
      ),
    });
    expect(report.origins.map(({ node: at, op, positions }) => ({ at, op, positions }))).toEqual([
      { at: 'choose', op: 'If', positions: null },
    ]);
    expect(report.notes.join(' ')).toMatch(/body \(If\).*boundary/);
  });

  it('a local function: born at the call', async () => {
    const call = node('Halve', ['x'], ['h'], { domain: 'local', name: 'call' });
    const report = await diagnosed('function', {
      graph: outer([call, node('Identity', ['h'], ['y'])]),
      functions: [
        {
          name: 'Halve',
          domain: 'local',
          input: ['a'],
          output: ['b'],
          node: [node('Log', ['a'], ['b'])],
          opsetImport: [{ domain: '', version: 17n }],
        },
      ],
    });
    expect(report.origins.map(({ node: at, op, positions }) => ({ at, op, positions }))).toEqual([
      { at: 'call', op: 'Halve', positions: null },
    ]);
    expect(report.notes.join(' ')).toMatch(/local function.*boundary/);
  });

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
