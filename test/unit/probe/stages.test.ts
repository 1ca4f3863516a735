import { create } from '@bufbuild/protobuf';
import { ModelProtoSchema } from 'onnx-buf';
import { describe, expect, it } from 'vitest';
import { Graph } from '../../../src/core/onnx/graph';
import { extract } from '../../../src/core/probe/instrument';
import type { ValueFacts } from '../../../src/core/probe/instrument';
import { stagesOf } from '../../../src/core/probe/stages';
import type { Stage } from '../../../src/core/probe/stages';
import { node, value } from '../onnx/support';

const graph = new Graph(
  create(ModelProtoSchema, {
    irVersion: 8n,
    opsetImport: [{ domain: '', version: 17n }],
    graph: {
      name: 'g',
      input: [value('x', [2, 4])],
      output: [value('y', [2, 4])],
      node: [
        node('Abs', ['x'], ['mask']),
        node('Exp', ['x'], ['a']),
        node('Add', ['a', 'mask'], ['b']),
        node('Neg', ['b'], ['c']),
        node('Add', ['c', 'mask'], ['d']),
        node('Log', ['d'], ['y']),
      ],
    },
  }),
);
const facts = (dtypes: Readonly<Record<string, string>> = {}): ReadonlyMap<string, ValueFacts> =>
  new Map(
    ['x', 'mask', 'a', 'b', 'c', 'd', 'y'].map((name) => [name, { dtype: dtypes[name] ?? 'float32', shape: [2, 4] }]),
  );

/** The nodes that each stage runs. */
const nodesOf = (stages: readonly Stage[], wanted: readonly (readonly string[])[]): string[][] =>
  stages.map(({ given, keeps }, i) => {
    const known = facts();
    const part = extract(
      graph,
      [...(wanted[i] ?? []), ...keeps],
      new Map(given.flatMap((name) => (known.has(name) ? [[name, known.get(name) ?? { dtype: '', shape: [] }]] : []))),
    );
    return (part.graph?.node ?? []).map((own) => own.output[0] ?? '');
  });

describe('stages', () => {
  const wanted = [
    ['a', 'b'],
    ['c', 'd'],
    ['y', 'd'],
  ];

  it('run every node once, keep what is read later and drop what is not', () => {
    const stages = stagesOf(graph, facts(), wanted, 1000);
    expect(stages).toEqual([
      { given: [], keeps: ['mask', 'b'], drops: [] },
      { given: ['mask', 'b'], keeps: ['d'], drops: ['mask', 'b'] },
      { given: ['d'], keeps: [], drops: ['d'] },
    ]);
    expect(nodesOf(stages, wanted)).toEqual([['mask', 'a', 'b'], ['c', 'd'], ['y']]);
  });

  it('begin at the start where more would have to be kept than may be', () => {
    const stages = stagesOf(graph, facts(), wanted, 40);
    expect(stages.map(({ keeps }) => keeps)).toEqual([[], ['d'], []]);
    expect(nodesOf(stages, wanted)).toEqual([['mask', 'a', 'b'], ['mask', 'a', 'b', 'c', 'd'], ['y']]);
  });

  it('keep nothing that cannot be handed over, nor anything of unknown shape', () => {
    const odd = new Map([...facts({ b: 'bfloat16' })].filter(([name]) => name !== 'mask'));
    const stages = stagesOf(graph, odd, wanted, 1000);
    expect(stages.map(({ keeps }) => keeps)).toEqual([['a'], ['d'], []]);
  });
});
