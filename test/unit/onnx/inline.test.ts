/** Local functions in the place of their calls: names, attributes, what stays closed, and what is refused. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { FunctionProtoSchema, ModelProto, NodeProto } from 'onnx-buf';
import { describe, expect, it } from 'vitest';
import { inlineFunctions } from '../../../src/core/onnx/inline';
import { AttributeType, encodeModel, model, node, richModel, smallModel, value } from './support';
import type { AttributeInit, NodeInit } from './support';

type FunctionInit = Exclude<MessageInitShape<typeof FunctionProtoSchema>, { $typeName: unknown }>;

const fn = (name: string, nodes: NodeInit[], more: FunctionInit = {}): FunctionInit => ({
  name,
  domain: 'local',
  input: ['a'],
  output: ['b'],
  node: nodes,
  opsetImport: [{ domain: '', version: 17n }],
  ...more,
});
const call = (op: string, input: string[], output: string[], more: Partial<NodeInit> = {}): NodeInit =>
  node(op, input, output, { domain: 'local', ...more });
const withCalls = (nodes: NodeInit[], functions: FunctionInit[]): ModelProto =>
  model({ name: 'g', input: [value('x', [2])], output: [value('y', [2])], node: nodes }, { functions });
const shown = (nodes: readonly NodeProto[] | undefined): string[] =>
  (nodes ?? []).map((entry) => `${entry.name}: ${entry.opType}(${entry.input.join(' ')}) → ${entry.output.join(' ')}`);
const neg = fn('Negate', [node('Neg', ['a'], ['t'], { name: '' }), node('Identity', ['t'], ['b'], { name: 'out' })]);

describe('inlineFunctions', () => {
  it('gives a model without functions back as it is', () => {
    const proto = smallModel();
    expect(inlineFunctions(proto)).toEqual({ model: proto, calls: 0, functions: [], inside: new Map(), kept: [] });
  });

  it('names nodes and values call/inner, and tells the call', () => {
    const { model: flat, inside } = inlineFunctions(
      withCalls([call('Negate', ['x'], ['m'], { name: 'one' }), call('Negate', ['m'], ['y'], { name: '/two' })], [neg]),
    );
    expect(shown(flat.graph?.node)).toEqual([
      'one/t: Neg(x) → one/t',
      'one/out: Identity(one/t) → m',
      '/two/t: Neg(m) → /two/t',
      '/two/out: Identity(/two/t) → y',
    ]);
    expect(inside.get('/two/out')).toEqual([{ node: '/two', op: 'Negate', body: 'function', iteration: null }]);
    expect(flat.functions).toEqual([]);
  });

  it('evades names that are taken, and keeps those that are hostile', () => {
    const hostile = '__proto__';
    const { model: flat, inside } = inlineFunctions(
      withCalls(
        [
          node('Neg', ['x'], [`${hostile}/t`], { name: `${hostile}/out` }),
          call('Negate', [`${hostile}/t`], ['y'], { name: hostile }),
        ],
        [neg],
      ),
    );
    expect(shown(flat.graph?.node).slice(1)).toEqual([
      '__proto__/t: Neg(__proto__/t) → __proto__/t_2',
      '__proto__/out_2: Identity(__proto__/t_2) → y',
    ]);
    expect([...inside.keys()]).toEqual(['__proto__/t', '__proto__/out_2']);
  });

  it('an input handed out, one value handed out twice, outputs and inputs left out', () => {
    const odd = fn('Odd', [node('Clip', ['a', 'low', 'high'], ['t'], { name: 'clip' })], {
      input: ['a', 'low', 'high'],
      output: ['a', 't', 't', 'high'],
    });
    const flat = (outputs: string[]): string[] =>
      shown(inlineFunctions(withCalls([call('Odd', ['x'], outputs, { name: 'odd' })], [odd])).model.graph?.node);
    expect(flat(['same', 'one', 'y'])).toEqual([
      'odd/clip: Clip(x  ) → one',
      'odd/a: Identity(x) → same',
      'odd/t: Identity(one) → y',
    ]);
    expect(flat(['', '', 'y'])).toEqual(['odd/clip: Clip(x  ) → y']);
    // It would hand out an input that the call leaves out.
    expect(flat(['', '', 'y', 'z'])).toEqual(['odd: Odd(x) →   y z']);
  });

  it('attributes: from the call, by default, left out; in bodies too', () => {
    const attribute = (name: string, of: string): AttributeInit => ({ name, refAttrName: of, type: AttributeType.INT });
    const takes = fn(
      'Takes',
      [
        node('Flatten', ['a'], ['t'], { attribute: [attribute('axis', 'axis')] }),
        node('Softmax', ['t'], ['s'], { attribute: [attribute('axis', 'other')] }),
        node('If', ['c'], ['b'], {
          attribute: [
            {
              name: 'then_branch',
              type: AttributeType.GRAPH,
              g: {
                name: 't',
                node: [node('Concat', ['s', 's'], ['r'], { attribute: [attribute('axis', 'third')] })],
                output: [value('r', [2])],
              },
            },
          ],
        }),
      ],
      {
        input: ['a', 'c'],
        attribute: ['axis', 'other'],
        attributeProto: [{ name: 'third', type: AttributeType.INT, i: 7n }],
      },
    );
    const int = (name: string, i: bigint): AttributeInit => ({ name, type: AttributeType.INT, i });
    const flat = inlineFunctions(
      withCalls([call('Takes', ['x', 'x'], ['y'], { name: 'call', attribute: [int('axis', 3n)] })], [takes]),
    ).model.graph?.node;
    expect(flat?.[0]?.attribute.map((entry) => [entry.name, entry.i, entry.refAttrName])).toEqual([['axis', 3n, '']]);
    expect(flat?.[1]?.attribute).toEqual([]);
    const body = flat?.[2]?.attribute[0]?.g;
    expect(body?.node[0]?.attribute.map((entry) => [entry.name, entry.i])).toEqual([['axis', 7n]]);
    // What the body captures and hands out goes by the new names as well.
    expect(shown(body?.node)).toEqual(['Concat_r: Concat(call/s call/s) → call/r']);
    expect(body?.output.map((output) => output.name)).toEqual(['call/r']);
  });

  it('an overload is a function of its own', () => {
    const both = [neg, { ...neg, overload: 'v2', node: [node('Exp', ['a'], ['b'])] }];
    const flat = inlineFunctions(withCalls([call('Negate', ['x'], ['y'], { overload: 'v2' })], both)).model;
    expect(flat.graph?.node.map((entry) => entry.opType)).toEqual(['Exp']);
  });

  it('refuses functions that call each other in a circle', () => {
    const a = fn('A', [call('B', ['a'], ['b'])]);
    const b = fn('B', [call('A', ['a'], ['b'])]);
    expect(() => inlineFunctions(withCalls([call('A', ['x'], ['y'])], [a, b]))).toThrow(
      /Local functions call each other in a circle: "[AB]" → "[AB]" → "[AB]"/,
    );
    const self = fn('Self', [call('Self', ['a'], ['b'])]);
    expect(() => inlineFunctions(withCalls([call('Self', ['x'], ['y'])], [self]))).toThrow(/"Self" → "Self"/);
  });

  it('stops where functions are nested too deep or would fill the memory', () => {
    const chain = Array.from({ length: 60 }, (_, i) =>
      fn(`F${String(i)}`, [i === 0 ? node('Neg', ['a'], ['b']) : call(`F${String(i - 1)}`, ['a'], ['b'])]),
    );
    const deep = inlineFunctions(withCalls([call('F59', ['x'], ['y'], { name: 'call' })], chain));
    expect(deep.kept).toMatchObject([{ function: 'F27', reason: 'functions are nested more than 32 deep' }]);
    expect(deep.model.functions.map((entry) => entry.name)).toEqual(chain.slice(0, 28).map((entry) => entry.name));

    // Each calls the one before ten times: 10^8 nodes.
    const bomb = Array.from({ length: 9 }, (_, i) =>
      fn(
        `B${String(i)}`,
        Array.from({ length: 10 }, (_unused, k) =>
          node(
            i === 0 ? 'Neg' : `B${String(i - 1)}`,
            [k === 0 ? 'a' : `t${String(k - 1)}`],
            [k === 9 ? 'b' : `t${String(k)}`],
            {
              domain: i === 0 ? '' : 'local',
            },
          ),
        ),
      ),
    );
    const { kept } = inlineFunctions(withCalls([call('B8', ['x'], ['y'])], bomb));
    expect(new Set(kept.map((entry) => entry.reason))).toEqual(
      new Set(['the graph would have more than 200000 nodes']),
    );
  });

  it('changes nothing in the model that it is given', () => {
    const proto = richModel();
    const before = encodeModel(proto);
    inlineFunctions(proto);
    expect(encodeModel(proto)).toEqual(before);
  });

  it('nodes without metadata have that of the call', () => {
    const scope = [{ key: 'scope', value: 'layers.0' }];
    const own = fn('F', [
      node('Neg', ['a'], ['t']),
      node('Neg', ['t'], ['b'], { metadataProps: [{ key: 'k', value: 'v' }] }),
    ]);
    const flat = inlineFunctions(withCalls([call('F', ['x'], ['y'], { metadataProps: scope })], [own])).model;
    expect(flat.graph?.node.map((entry) => entry.metadataProps.map(({ key }) => key))).toEqual([['scope'], ['k']]);
  });
});
