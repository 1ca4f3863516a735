/** Fixes on models of opsets that Debian's checker does not know: nodes follow their operators' schemas and load. */
import { create } from '@bufbuild/protobuf';
import type { ModelProto } from 'onnx-buf';
import { NodeProtoSchema } from 'onnx-buf';
import { describe, expect, it } from 'vitest';
import { fixes, fixesOfPositions, traps } from '../../../src/core/fix';
import { buildModel } from '../../../src/core/models';
import { tagNode } from '../../../src/core/onnx/edit';
import { encodeTensor } from '../../../src/core/onnx/tensors';
import { engineLevels } from '../../../src/core/report';
import { addedNodeFaults } from '../../support/addedNodes';
import { bytesOf, patched, patientOf, run } from '../../support/fixing';
import { int, intList } from '../../support/tinyAttention';
import { node } from '../../unit/onnx/support';

/** Axes of means are an input since opset 18; nothing else of these models changed since 17. */
function raised(proto: ModelProto, opset: number): ModelProto {
  const { graph } = proto;
  for (const own of graph?.node.filter(({ opType }) => opType === 'ReduceMean') ?? []) {
    const axes = own.attribute.find(({ name }) => name === 'axes');
    if (!axes) continue;
    own.attribute = own.attribute.filter((entry) => entry !== axes);
    const name = `${own.output[0] ?? ''}/axes`;
    own.input.push(name);
    graph?.initializer.push(
      encodeTensor(name, { dtype: 'int64', dims: [axes.ints.length], data: BigInt64Array.from(axes.ints) }),
    );
  }
  for (const entry of proto.opsetImport) entry.version = BigInt(opset);
  proto.irVersion = opset < 24 ? 10n : 13n;
  return proto;
}

const cases = [18, 21, 23, 24, 25, 26].flatMap((opset) =>
  ['kimi-k2-mini', 'gpt2-mini'].flatMap((id) =>
    ['eager-add', 'eager-where'].map((kind) => [opset, `builtin:${id}?layers=2&attention=${kind}`] as const),
  ),
);

describe('a fix on a later opset', () => {
  it.each(cases)('%i: %s', async (opset, uri) => {
    const proto = raised(buildModel(uri).proto, opset);
    const who = await patientOf(proto, null, { lengths: { lengths: [0, 3, 7], pad: 'left', seed: 1 } });
    expect(who.context.graph.opset).toBe(opset);
    const applied: string[] = [];
    for (const fix of [...fixes, ...traps, ...fixesOfPositions]) {
      const plan = fix.plan(who.context);
      if (!plan.applies) continue;
      applied.push(fix.id);
      const model = patched(proto, plan);
      expect(
        addedNodeFaults(model, (value) => who.context.dtype(value)),
        fix.id,
      ).toEqual([]);
      // The newest has the most that the engine could do differently.
      for (const level of opset === 26 ? engineLevels : (['disabled'] as const)) {
        const outputs = await run(bytesOf(model), who.inputs, level);
        expect(Object.keys(outputs), `${fix.id}, ${level}`).toEqual([...who.context.graph.outputs]);
      }
    }
    expect(applied).toEqual(expect.arrayContaining(['unmask-rows', 'zero-masked-rows', 'nan-to-num-softmax']));
  });
});

describe('the check of added nodes', () => {
  const said = (opset: number, own: ReturnType<typeof node>): string[] => {
    const { proto } = buildModel('builtin:gpt2-mini?layers=1');
    for (const entry of proto.opsetImport) entry.version = BigInt(opset);
    proto.graph?.node.push(tagNode(create(NodeProtoSchema, own), 'a-fix'));
    return addedNodeFaults(proto, (name) => ({ f: 'float32', h: 'float16', i: 'int64', b: 'bool' })[name] ?? null);
  };
  const reduce = node('ReduceMax', ['f'], ['y'], { attribute: [intList('axes', [1]), int('keepdims', 1)] });

  it.each([
    ['axes as an attribute, as until 17', 17, reduce, []],
    ['axes as an attribute since 18', 18, reduce, ['ReduceMax y: no attribute axes']],
    ['axes as an input before 18', 17, node('ReduceMax', ['f', 'i'], ['y']), ['ReduceMax y: 2 inputs']],
    ['axes as an input since 18', 21, node('ReduceMax', ['f', 'i'], ['y']), []],
    ['axes that are no integers', 21, node('ReduceMax', ['f', 'f'], ['y']), ['ReduceMax y: input 1 is tensor(float)']],
    ['booleans', 18, node('ReduceMax', ['b', 'i'], ['y']), ['ReduceMax y: input 0 is tensor(bool)']],
    [
      'two types at once',
      21,
      node('Where', ['b', 'f', 'h'], ['y']),
      ['Where y: inputs of T are tensor(float) and tensor(float16)'],
    ],
    ['an input too few', 21, node('Where', ['b', 'f'], ['y']), ['Where y: 2 inputs']],
    ['a Cast to nothing', 21, node('Cast', ['f'], ['y']), ['Cast y: attribute to is missing']],
    ['an operator of nobody', 21, node('Wherever', ['f'], ['y']), ['Wherever y: no such operator in opset 21']],
  ] as const)('%s', (_, opset, own, faults) => {
    expect(said(opset, own)).toEqual(faults);
  });
});
