/** NaN in outputs that no node computes: it is said all the same, and the exit code is that of an origin. */
import { expect, it } from 'vitest';
import type { TensorData } from '../../../src/core/tensor';
import { diagnosedModel } from '../../support/diagnosing';
import { AttributeType, floats, model, node, value } from '../../unit/onnx/support';

const dims = ['batch', 'seq', 2];
const x: TensorData = { dtype: 'float32', dims: [1, 2, 2], data: Float32Array.of(1, 1, 1, 1) };
const stored = floats('w', Float32Array.of(NaN, 1), [2]);
const constant = node('Constant', [], ['w'], {
  name: 'stored',
  attribute: [{ name: 'value', type: AttributeType.TENSOR, t: stored }],
});

it.each([
  ['an initializer', [], [stored], 'w', 'w'],
  ['a Constant node', [constant], [], 'w', 'stored'],
  ['a copy of an initializer', [node('Identity', ['w'], ['z'], { name: 'copy' })], [stored], 'z', 'copy'],
] as const)('%s as output', async (_, nodes, initializer, output, at) => {
  const report = await diagnosedModel(
    model({
      name: 'made',
      input: [value('x', dims)],
      output: [value('y', dims), value(output, [2])],
      initializer: [...initializer],
      node: [node('Relu', ['x'], ['y']), ...nodes],
    }),
    { x },
    { fixes: false },
  );
  expect(report.origins.map(({ node: name, mechanism, positions }) => [name, mechanism, positions])).toEqual([
    [at, 'nan-in-weights', null],
  ]);
});
