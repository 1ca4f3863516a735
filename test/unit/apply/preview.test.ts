/** What a preview shows, against lists written by hand. */
import { clone, create } from '@bufbuild/protobuf';
import { AttributeProtoSchema, ModelProtoSchema, NodeProtoSchema } from 'onnx-buf';
import type { ModelProto } from 'onnx-buf';
import { describe, expect, it } from 'vitest';
import { previewText } from '../../../src/app/render/preview';
import { createStyle } from '../../../src/app/render/style';
import type { GraphEdit } from '../../../src/core/onnx/edit';
import { applyEdits, invert } from '../../../src/core/onnx/edit';
import { Graph } from '../../../src/core/onnx/graph';
import { previewPlaces } from '../../../src/core/preview/places';
import type { PreviewGraph, PreviewPlace } from '../../../src/core/preview/types';
import { AttributeType, distinct, floats, model, node, value } from '../onnx/support';
import type { NodeInit } from '../onnx/support';

/** mask → Where → m; each layer: scores, Add m, Softmax. */
function layered(layers: number): ModelProto {
  const at = (layer: number, op: string): string => `/model/layers.${String(layer)}/self_attn/${op}`;
  const nodes: NodeInit[] = [node('Where', ['keep', 'zero', 'low'], ['m'], { name: '/model/Where' })];
  for (let i = 0; i < layers; i += 1) {
    const from = i === 0 ? 'x' : `p${String(i - 1)}`;
    nodes.push(
      node('Mul', [from, 'w'], [`s${String(i)}`], { name: at(i, 'Mul') }),
      node('Add', [`s${String(i)}`, 'm'], [`a${String(i)}`], { name: at(i, 'Add') }),
      node('Softmax', [`a${String(i)}`], [`p${String(i)}`], { name: at(i, 'Softmax') }),
    );
  }
  return model({
    name: 'layered',
    input: [value('x', ['batch', 4, 4]), value('keep', ['batch', 4, 4], 9)],
    output: [value(`p${String(layers - 1)}`, ['batch', 4, 4])],
    initializer: [floats('w', distinct(4, 1)), floats('zero', Float32Array.of(0)), floats('low', Float32Array.of(-9))],
    node: nodes,
  });
}

const made = (op: string, input: string[], output: string) => create(NodeProtoSchema, node(op, input, [output]));

function previewed(proto: ModelProto, edits: readonly GraphEdit[]): PreviewPlace[] {
  const after = clone(ModelProtoSchema, proto);
  applyEdits(after, edits);
  return previewPlaces(new Graph(proto), new Graph(after), { dtype: () => 'float32', shape: () => [2, 4, 4] });
}

/** `~ Add s0 open > a0 (+2: 1-2)` */
const told = ({ nodes }: PreviewGraph): string[] =>
  nodes.map(({ op, state, inputs, outputs, more }) => {
    const mark = { kept: ' ', changed: '~', added: '+', removed: '-' }[state];
    const names = (list: readonly { readonly name: string }[]): string => list.map(({ name }) => name).join(' ');
    const others = more.count > 0 ? ` (+${String(more.count)}: ${more.layers})` : '';
    return `${mark} ${op} ${names(inputs)} > ${names(outputs)}${others}`;
  });

/** The mask is corrected once, and every layer reads the corrected one. */
const sharedMask = (layers: number): GraphEdit[] => [
  {
    kind: 'insertNodes',
    at: 1,
    nodes: [
      made('ReduceMax', ['m'], 'r'),
      made('Less', ['r', 'low'], 'full'),
      made('Where', ['full', 'zero', 'm'], 'open'),
    ],
  },
  ...Array.from({ length: layers }, (_, i): GraphEdit => ({
    kind: 'replaceInput',
    node: `a${String(i)}`,
    slot: 1,
    from: 'm',
    to: 'open',
  })),
];

/** A guard behind every softmax, with flags that are computed once for all. */
function guards(layers: number): GraphEdit[] {
  const edits: GraphEdit[] = [{ kind: 'insertNodes', at: 0, nodes: [made('Not', ['keep'], 'pad')] }];
  for (let i = 0; i < layers; i += 1) {
    const p = `p${String(i)}`;
    edits.push({ kind: 'insertNodes', at: 5 + 4 * i, nodes: [made('Where', ['pad', 'zero', p], `g${String(i)}`)] });
    if (i + 1 < layers)
      edits.push({ kind: 'replaceInput', node: `s${String(i + 1)}`, slot: 0, from: p, to: `g${String(i)}` });
  }
  return edits;
}

describe('preview', () => {
  it('a mask that all layers share is one place; layers that read it alike are told once', () => {
    const places = previewed(layered(61), sharedMask(61));
    expect(places.length).toBe(1);
    const [place] = places;
    expect(place?.layer).toBe(null);
    expect(place?.same).toEqual({ count: 0, layers: '' });
    expect(told(place!.before)).toEqual([
      '  Where keep zero low > m',
      '  Mul x w > s0',
      '~ Add s0 m > a0 (+60: 1-60)',
      '  Softmax a0 > p0',
    ]);
    expect(told(place!.after)).toEqual([
      '  Where keep zero low > m',
      '+ ReduceMax m > r',
      '+ Less r low > full',
      '+ Where full zero m > open',
      '  Mul x w > s0',
      '~ Add s0 open > a0 (+60: 1-60)',
      '  Softmax a0 > p0',
    ]);
    const add = place!.after.nodes.find(({ op }) => op === 'Add');
    expect(add?.changes).toEqual(['input 1: m → open']);
    expect(add?.inputs.map(({ node: from }) => from)).toEqual(['s0', 'open']);
    expect(place!.after.nodes[2]?.inputs[1]).toEqual({
      name: 'low',
      from: 'weight',
      node: null,
      dtype: 'float32',
      shape: [2, 4, 4],
      text: '[-9]',
      isOutput: false,
    });
  });

  it('the same edit in every layer is one place with a count, what they share another', () => {
    const places = previewed(layered(4), guards(4));
    expect(places.map(({ label, layer, same }) => [label, layer, same])).toEqual([
      ['keep', null, { count: 0, layers: '' }],
      ['model.layers.1.self_attn', 1, { count: 2, layers: '2-3' }],
      ['model.layers.3.self_attn', 3, { count: 0, layers: '' }],
    ]);
    expect(told(places[0]!.after)).toEqual(['+ Not keep > pad', '+ Where pad zero p0 > g0 (+3: )']);
    expect(told(places[0]!.before)).toEqual([]);
    expect(told(places[1]!.before)).toEqual(['  Softmax a0 > p0', '~ Mul p0 w > s1', '  Add s1 m > a1']);
    expect(told(places[1]!.after)).toEqual([
      '+ Not keep > pad',
      '  Softmax a0 > p0',
      '+ Where pad zero p0 > g0',
      '~ Mul g0 w > s1',
      '  Add s1 m > a1',
    ]);
  });

  it('what is taken away stands in the graph before only; undoing shows the reverse', () => {
    const proto = layered(2);
    const edits = sharedMask(2);
    const after = clone(ModelProtoSchema, proto);
    applyEdits(after, edits);
    const [place, ...more] = previewed(after, invert(edits));
    expect(more).toEqual([]);
    expect(told(place!.before).filter((line) => line.startsWith('-'))).toEqual([
      '- ReduceMax m > r',
      '- Less r low > full',
      '- Where full zero m > open',
    ]);
    expect(told(place!.after).filter((line) => !line.startsWith(' '))).toEqual(['~ Add s0 m > a0 (+1: 1)']);
  });

  it('attributes that change, and no edit at all', () => {
    const proto = layered(1);
    expect(previewed(proto, [])).toEqual([]);
    const after = clone(ModelProtoSchema, proto);
    const soft = after.graph!.node.at(-1)!;
    soft.attribute.push(create(AttributeProtoSchema, { name: 'axis', i: -1n, type: AttributeType.INT }));
    const [place] = previewPlaces(new Graph(proto), new Graph(after), { dtype: () => null, shape: () => null });
    expect(place?.after.nodes.map(({ op, attributes, changes }) => [op, attributes, changes])).toEqual([
      ['Add', [], []],
      ['Softmax', ['axis=-1'], ['axis added']],
    ]);
  });

  it('in a terminal', () => {
    const text = previewText(
      {
        fixId: 'unmask-rows',
        steps: [
          {
            fixId: 'unmask-rows',
            title: 'Attend everywhere',
            effect: 'Real tokens are not touched.',
            note: 'Changes 3 layers.',
            edits: 4,
            places: previewed(layered(3), sharedMask(3)),
          },
        ],
        notes: ['A note.'],
      },
      { width: 100, style: createStyle(false) },
    );
    expect(text).toBe(`Attend everywhere  unmask-rows
Changes 3 layers. Real tokens are not touched.

model
  Where      keep, [0], [-9] → m
+ ReduceMax  m → r
+ Less       r, [-9] → full
+ Where      full, [0], m → open
  Mul        x, [1.68294, 1.95982, 1.97144, 1.71624] → s0
~ Add        s0, open → a0
      input 1: m → open
      and the same in 2 more layers (1-2)
  Softmax    a0 → p0

A note.
`);
  });
});
