/** Where fences go, and where nothing changes at all; what the engine makes of them is tested with the engine. */
import { TensorProto_DataType as DataType } from 'onnx-buf';
import type { ModelProto } from 'onnx-buf';
import { describe, expect, it } from 'vitest';
import { buildModel } from '../../../src/core/models/index';
import { Fences } from '../../../src/core/probe/fences';
import { int } from '../../support/tinyAttention';
import { encodeModel, model, node, richModel, smallModel, value } from '../onnx/support';

const HALF = DataType.FLOAT16;
const listed = (proto: ModelProto): string[] =>
  (proto.graph?.node ?? []).map(({ opType, input, output }) => `${output.join()} = ${opType}(${input.join()})`);

const mixed = model(
  {
    name: 'mixed',
    input: [value('x', ['n', 4], HALF)],
    output: [value('y', ['n', 4], HALF)],
    valueInfo: [value('a', ['n', 4], HALF), value('r', ['n', 4], HALF)],
    node: [
      node('Mul', ['x', 'x'], ['a']),
      node('Relu', ['a'], ['r']),
      node('Cast', ['r'], ['wide'], { attribute: [int('to', DataType.FLOAT)] }),
      node('Softmax', ['wide'], ['p']),
      node('Cast', ['p'], ['y'], { attribute: [int('to', HALF)] }),
    ],
  },
  { opsetImport: [{ domain: '', version: 12n }] },
);
const dtypes = new Map([
  ...['a', 'r', 'y'].map((name) => [name, 'float16'] as const),
  ...['wide', 'p'].map((name) => [name, 'float32'] as const),
]);
const prefix = 'nanoscope_half_';
const raw = `${prefix}raw_`;

describe('fences', () => {
  it('stand behind nodes that round, not behind those that hand on, nor in float32', () => {
    const before = encodeModel(mixed);
    const fenced = Fences.of(mixed, dtypes)?.around(mixed);
    expect(fenced && listed(fenced)).toEqual([
      `${raw}a = Mul(x,x)`,
      `${prefix}fence_a = Unsqueeze(${raw}a)`,
      `a = Squeeze(${prefix}fence_a)`,
      'r = Relu(a)',
      'wide = Cast(r)',
      'p = Softmax(wide)',
      `${raw}y = Cast(p)`,
      `${prefix}fence_y = Unsqueeze(${raw}y)`,
      `y = Squeeze(${prefix}fence_y)`,
    ]);
    // Shapes are declared for what is new: without them the engine takes long to load.
    expect(fenced?.graph?.valueInfo.map(({ name }) => name)).toEqual(['a', `${raw}a`, 'r']);
    expect(Buffer.compare(encodeModel(mixed), before)).toBe(0);
  });

  it('are the same wherever types are known or told from what nodes read', () => {
    const told = Fences.of(mixed, new Map())?.around(mixed);
    expect(told && listed(told)).toEqual(listed(Fences.of(mixed, dtypes)?.around(mixed) ?? mixed));
  });

  it('have names that the model does not use', () => {
    const taken = model({
      name: 'g',
      input: [value('x', [1], HALF)],
      output: [{ name: 'y' }],
      node: ['fence_y', 'raw_y', `${raw}y`, 'y'].map((name) => node('Exp', ['x'], [name])),
    });
    const names = (Fences.of(taken, new Map())?.around(taken).graph?.node ?? []).flatMap(({ output }) => output);
    expect(new Set(names).size).toBe(names.length);
    expect(names).toHaveLength(12);
    // The engine refuses a second node of the same name, and many nodes are called as what they give.
    const called = taken.graph ? taken.graph.node.map((own) => ({ ...own, name: own.output[0] ?? '' })) : [];
    const alike = model({ name: 'g', input: [value('x', [1], HALF)], output: [{ name: 'y' }], node: called });
    const own = (Fences.of(alike, new Map())?.around(alike).graph?.node ?? []).map(({ name }) => name);
    expect(new Set(own).size).toBe(12);
  });

  it.each([
    ['float32', smallModel()],
    ['every kind of payload, bodies and functions', richModel()],
    ['a built-in model', buildModel('builtin:llama-mini').proto],
  ])('are not there without float16: %s', (_, proto) => {
    expect(Fences.of(proto, new Map())).toBeNull();
  });

  it('leave a part without float16 as it is, the very object', () => {
    const part = smallModel();
    expect(Fences.of(mixed, dtypes)?.around(part)).toBe(part);
  });
});
