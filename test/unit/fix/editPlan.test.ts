/** Edits of the fixes: applied and inverted, the model is byte for byte what it was; names collide with nothing. */
import { clone, toBinary } from '@bufbuild/protobuf';
import type { ModelProto } from 'onnx-buf';
import { ModelProtoSchema } from 'onnx-buf';
import { describe, expect, it } from 'vitest';
import type { AttentionSite } from '../../../src/core/diagnose/attentionSites';
import { EditPlan, readersOf } from '../../../src/core/fix/editPlan';
import { fixes, traps } from '../../../src/core/fix/index';
import type { FixContext } from '../../../src/core/fix/types';
import { batchFactor, other, positionFactor } from '../../../src/core/onnx/axes/types';
import { applyEdits, invert } from '../../../src/core/onnx/edit';
import { Graph } from '../../../src/core/onnx/graph';
import type { Origin } from '../../../src/core/report';
import { model, node, value } from '../onnx/support';

const dims = ['batch', 2, 3, 3];

/** Two attention layers that share a mask; `taken` are values with names such as a fix would like to have. */
function twoLayers(opset: number, taken: readonly string[] = []): ModelProto {
  const layer = (i: number, from: string, to: string) => [
    node('MatMul', [from, 'k'], [`s${String(i)}`]),
    node('Add', [`s${String(i)}`, 'mask'], [`m${String(i)}`]),
    node('Softmax', [`m${String(i)}`], [`p${String(i)}`]),
    node('MatMul', [`p${String(i)}`, 'v'], [to]),
  ];
  return model(
    {
      name: 'two',
      input: ['x', 'k', 'v', 'raw'].map((name) => value(name, dims)),
      output: [value('y', dims), value('p1', dims)],
      node: [
        node('Neg', ['raw'], ['mask']),
        ...layer(0, 'x', 'h'),
        ...layer(1, 'h', 'y'),
        ...taken.map((name) => node('Identity', ['x'], [name], { name })),
      ],
    },
    { opsetImport: [{ domain: '', version: BigInt(opset) }] },
  );
}

function contextOf(proto: ModelProto, change: Partial<FixContext> = {}): FixContext {
  const graph = new Graph(proto);
  const own = [[batchFactor(1)], [other(2)], [positionFactor(3)], [positionFactor(3, 0, true)]];
  const sites = [0, 1].map((i): AttentionSite => {
    // By their names: values are renamed by fixes that clean an output.
    const at = (op: string, output: string) => {
      const found = graph.nodes.find((entry) => entry.name === `${op}_${output}`);
      if (!found) throw new Error(`${op}_${output} is gone`);
      return found;
    };
    const softmax = at('Softmax', `p${String(i)}`);
    const add = at('Add', `m${String(i)}`);
    const output = at('MatMul', i === 0 ? 'h' : 'y');
    return {
      softmax,
      scores: at('MatMul', `s${String(i)}`),
      query: null,
      key: null,
      masks: [
        { node: add, kind: 'add', mask: add.inputs[1] ?? '', keepWhen: true, fill: null, scores: `s${String(i)}` },
      ],
      path: [add, softmax],
      output,
      value: output.inputs[1] ?? '',
    };
  });
  const origin: Origin = {
    tensor: 'p0',
    node: 'Softmax_p0',
    op: 'Softmax',
    layer: null,
    block: null,
    stage: 'other',
    positions: ['0'],
    evidence: {},
    explanation: 'made by hand',
    mechanism: 'fully-masked-row',
  };
  return {
    graph,
    axes: { of: () => own, reads: () => 'same-position', keyOperand: () => null },
    sites,
    padding: [],
    origins: [origin],
    silent: [],
    dtype: () => 'float32',
    shape: () => [1, 2, 3, 3],
    ...change,
  };
}

const bytes = (proto: ModelProto): Buffer => Buffer.from(toBinary(ModelProtoSchema, proto));
const namesOf = (proto: ModelProto): string[] => proto.graph?.node.flatMap((entry) => entry.output) ?? [];

function edited(proto: ModelProto, fixId: string): ModelProto {
  const plan = fixes.find((fix) => fix.id === fixId)?.plan(contextOf(proto));
  if (!plan?.applies) throw new Error(plan?.reason ?? 'no such fix');
  const before = bytes(proto);
  const copy = clone(ModelProtoSchema, proto);
  applyEdits(copy, plan.edits);
  expect(bytes(proto).equals(before)).toBe(true);
  const back = clone(ModelProtoSchema, copy);
  applyEdits(back, invert(plan.edits));
  expect(bytes(back).equals(before)).toBe(true);
  return copy;
}

/** Those that a model of nothing but masked attention calls for. */
const called = [
  'unmask-rows',
  'unmask-self',
  'zero-masked-rows',
  'nan-to-num-softmax',
  'finite-mask',
  'mask-with-where',
];

describe.each(called)('%s', (fixId) => {
  it.each([9, 13, 17, 18, 21])('opset %i: changes the model, and back to the very bytes', (opset) => {
    const proto = twoLayers(opset);
    const copy = edited(proto, fixId);
    expect(bytes(copy).equals(bytes(proto))).toBe(false);
    const names = namesOf(copy);
    expect(new Set(names).size).toBe(names.length);
  });

  it('every node stands after what it reads, and outputs keep their names', () => {
    const copy = edited(twoLayers(17), fixId);
    const known = new Set(copy.graph?.input.map((input) => input.name));
    for (const entry of copy.graph?.node ?? []) {
      for (const input of entry.input) expect(known.has(input), `${entry.name} reads ${input}`).toBe(true);
      for (const output of entry.output) known.add(output);
    }
    expect(copy.graph?.output.map((output) => output.name)).toEqual(['y', 'p1']);
  });

  it('names collide with nothing, also in a model that this fix has changed before', () => {
    const prefix = fixId.replaceAll('-', '_');
    const taken = [1, 2, 3].flatMap((i) => [
      `nanoscope_${prefix}_${String(i)}_where`,
      `nanoscope1_${prefix}_${String(i)}_where`,
    ]);
    const once = edited(twoLayers(17, taken), fixId);
    const twice = edited(once, fixId);
    const names = namesOf(twice);
    expect(new Set(names).size).toBe(names.length);
    const nodeNames = twice.graph?.node.map((entry) => entry.name) ?? [];
    expect(new Set(nodeNames).size).toBe(nodeNames.length);
  });
});

describe.each([...fixes, ...traps])('$id', (fix) => {
  it.each([
    ['the operators that it needs do not exist', contextOf(twoLayers(8))],
    ['nothing calls for it', contextOf(twoLayers(17), { origins: [] })],
    ['there is no attention', contextOf(twoLayers(17), { sites: [], origins: [] })],
  ])('declines where %s, in a sentence', (_, context) => {
    const plan = fix.plan(context);
    expect(plan.applies).toBe(false);
    if (!plan.applies) expect(plan.reason).toMatch(/^[^\s].*\.$/);
  });

  it('says in words what it is and what it changes', () => {
    expect(fix.title).toMatch(/^[A-Z].*[^.]$/);
    expect(fix.effect).toMatch(/^[A-Z].*\.$/);
    expect(fix.trap === true).toBe(traps.includes(fix));
  });
});

it('no two fixes have the same id', () => {
  const ids = [...fixes, ...traps].map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
});

describe('unmask-rows', () => {
  it('corrects a shared mask once', () => {
    const copy = edited(twoLayers(17), 'unmask-rows');
    const ops = copy.graph?.node.map((entry) => entry.opType) ?? [];
    expect(ops.filter((op) => op === 'ReduceMin')).toHaveLength(1);
    const adds = copy.graph?.node.filter((entry) => entry.opType === 'Add').map((entry) => entry.input[1]);
    expect(new Set(adds).size).toBe(1);
    expect(adds?.[0]).not.toBe('mask');
  });
});

describe('an edit plan', () => {
  it('places are those of the unedited model, whatever the order of insertions', () => {
    const proto = twoLayers(17);
    const graph = new Graph(proto);
    const plan = new EditPlan(graph, 'unmask-rows');
    const ops = [1, 5, 3].map((at) => {
      const block = plan.block();
      const name = block.op('Identity', ['x']);
      plan.insert(at, block);
      return { at, name };
    });
    const copy = clone(ModelProtoSchema, proto);
    applyEdits(copy, plan.edits);
    const original = namesOf(proto);
    for (const { at, name } of ops) {
      const names = namesOf(copy);
      expect(names[names.indexOf(name) + 1]).toBe(original[at]);
    }
  });

  it('finds every reader and slot', () => {
    const graph = new Graph(
      model({
        name: 'twice',
        input: [value('x', [1])],
        output: [value('y', [1])],
        node: [node('Mul', ['x', 'x'], ['s']), node('Add', ['s', 'x'], ['y'])],
      }),
    );
    expect(readersOf(graph, 'x')).toEqual([
      { node: 's', slot: 0 },
      { node: 's', slot: 1 },
      { node: 'y', slot: 1 },
    ]);
  });
});
