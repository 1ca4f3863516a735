import { clone, create, toBinary } from '@bufbuild/protobuf';
import type { ModelProto, NodeProto } from 'onnx-buf';
import {
  AttributeProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  TensorProtoSchema,
  ValueInfoProtoSchema,
} from 'onnx-buf';
import { describe, expect, test } from 'vitest';
import type { GraphEdit } from '../../../src/core/onnx/edit';
import {
  applyEdits,
  attributeEdit,
  fixKey,
  freshName,
  indexOfProducer,
  invert,
  modelPropEdit,
  tagNode,
} from '../../../src/core/onnx/edit';
import { AttributeType, floats, node, richModel, smallModel, value, distinct } from './support';

const bytesOf = (proto: ModelProto): Buffer => Buffer.from(toBinary(ModelProtoSchema, proto));

/** Small and reproducible; the seed is in the test's name. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** A random edit that fits `proto` as it is now. */
function randomEdit(proto: ModelProto, pick: (below: number) => number, counter: number): GraphEdit | null {
  const graph = proto.graph;
  if (!graph) throw new Error('no graph');
  const name = `new_${String(counter)}`;
  const someNode = graph.node[pick(graph.node.length)];
  const slice = <T>(list: readonly T[]): { at: number; items: T[] } => {
    const at = pick(list.length);
    return { at, items: list.slice(at, at + 1 + pick(2)) };
  };
  switch (pick(14)) {
    case 0:
    case 1: {
      const made = create(NodeProtoSchema, node('Relu', [someNode?.output[0] ?? 'x'], [name]));
      const second = create(NodeProtoSchema, node('Neg', [name], [`${name}_b`]));
      return { kind: 'insertNodes', at: pick(graph.node.length + 1), nodes: [tagNode(made, 'test'), second] };
    }
    case 2: {
      if (graph.node.length === 0) return null;
      const { at, items } = slice(graph.node);
      return { kind: 'removeNodes', at, nodes: items.map((n) => clone(NodeProtoSchema, n)) };
    }
    case 3: {
      const slot = pick(someNode?.input.length ?? 0);
      const from = someNode?.input[slot];
      if (from === undefined || !someNode?.output[0]) return null;
      return { kind: 'replaceInput', node: someNode.output[0], slot, from, to: pick(4) === 0 ? '' : name };
    }
    case 4:
      return someNode?.output[0] ? { kind: 'replaceOutput', from: someNode.output[0], to: name } : null;
    case 5: {
      if (!someNode?.output[0]) return null;
      const attribute = create(AttributeProtoSchema, {
        name: pick(2) ? 'axis' : name,
        type: AttributeType.INT,
        i: BigInt(pick(9)),
      });
      return attributeEdit(proto, someNode.output[0], attribute);
    }
    case 6: {
      const at = pick(someNode?.attribute.length ?? 0);
      const from = someNode?.attribute[at];
      if (!from || !someNode.output[0]) return null;
      return { kind: 'setAttribute', node: someNode.output[0], at, from: clone(AttributeProtoSchema, from), to: null };
    }
    case 7:
      return {
        kind: 'addInitializers',
        at: pick(graph.initializer.length + 1),
        tensors: [create(TensorProtoSchema, floats(name, distinct(3, counter)))],
      };
    case 8: {
      if (graph.initializer.length === 0) return null;
      const { at, items } = slice(graph.initializer);
      return { kind: 'removeInitializers', at, tensors: items.map((t) => clone(TensorProtoSchema, t)) };
    }
    case 9:
    case 10: {
      const list = pick(2) ? 'Inputs' : 'Outputs';
      const length = list === 'Inputs' ? graph.input.length : graph.output.length;
      const values = [create(ValueInfoProtoSchema, value(name, ['n', 2]))];
      return { kind: `add${list}`, at: pick(length + 1), values };
    }
    case 11: {
      const list = pick(2) ? 'Inputs' : 'Outputs';
      const source = list === 'Inputs' ? graph.input : graph.output;
      if (source.length === 0) return null;
      const { at, items } = slice(source);
      return { kind: `remove${list}`, at, values: items.map((v) => clone(ValueInfoProtoSchema, v)) };
    }
    case 12:
      return modelPropEdit(proto, pick(2) ? fixKey : name, String(counter));
    default: {
      const at = pick(proto.metadataProps.length);
      const from = proto.metadataProps[at];
      return from ? { kind: 'setModelProps', at, from, to: null } : null;
    }
  }
}

const describeEdit = (edit: GraphEdit): string =>
  JSON.stringify(edit, (_key, v: unknown) =>
    typeof v === 'bigint' ? String(v) : v instanceof Uint8Array ? '…' : v,
  ).slice(0, 200);

describe('edits and their inverse', () => {
  test.each([1, 2, 3, 4, 5, 6, 7, 8])('random edits, taken back, leave every byte as it was (seed %i)', (seed) => {
    const pick = random(seed);
    const proto = richModel();
    const before = bytesOf(proto);
    const history: GraphEdit[] = [];
    const states: Buffer[] = [before];
    for (let i = 0; i < 60; i++) {
      const edit = randomEdit(proto, pick, i);
      if (!edit) continue;
      applyEdits(proto, [edit]);
      history.push(edit);
      states.push(bytesOf(proto));
    }
    const told = history.map(describeEdit).join('\n');
    expect(history.length, told).toBeGreaterThan(30);
    expect(states[states.length - 1]?.equals(before), told).toBe(false);
    // All at once on a copy, …
    const copy = clone(ModelProtoSchema, proto);
    applyEdits(copy, invert(history));
    expect(bytesOf(copy).equals(before), told).toBe(true);
    // … forth again from the start, …
    applyEdits(copy, history);
    expect(bytesOf(copy).equals(states[states.length - 1] ?? before), told).toBe(true);
    // … and step by step, each state exactly.
    for (let i = history.length - 1; i >= 0; i--) {
      applyEdits(proto, invert(history.slice(i, i + 1)));
      expect(bytesOf(proto).equals(states[i] ?? before), `after taking back step ${String(i)}\n${told}`).toBe(true);
    }
  });

  test('what an edit brings is copied: later edits do not change it', () => {
    const made: NodeProto = create(NodeProtoSchema, node('Relu', ['x'], ['n']));
    const edits: GraphEdit[] = [
      { kind: 'insertNodes', at: 0, nodes: [made] },
      { kind: 'replaceInput', node: 'n', slot: 0, from: 'x', to: 'w' },
    ];
    for (const proto of [smallModel(), smallModel()]) {
      applyEdits(proto, edits);
      expect(proto.graph?.node[0]?.input).toEqual(['w']);
    }
    expect(made.input).toEqual(['x']);
  });
});

describe('an edit that does not fit', () => {
  const relu = create(NodeProtoSchema, node('Relu', ['x'], ['r']));
  const cases: readonly (readonly [string, GraphEdit, RegExp])[] = [
    ['inserts a value twice', { kind: 'insertNodes', at: 0, nodes: [relu] }, /name "r" is taken/],
    [
      'inserts beyond the end',
      { kind: 'insertNodes', at: 9, nodes: [create(NodeProtoSchema, node('Relu', ['x'], ['n']))] },
      /place 9/,
    ],
    ['removes another node', { kind: 'removeNodes', at: 1, nodes: [relu] }, /item 1/],
    ['removes beyond the end', { kind: 'removeNodes', at: 7, nodes: [relu] }, /item 7/],
    ['replaces another input', { kind: 'replaceInput', node: 'y', slot: 1, from: 'r', to: 'x' }, /input 1/],
    ['replaces a slot that is not there', { kind: 'replaceInput', node: 'y', slot: 5, from: 'r', to: 'x' }, /input 5/],
    ['names no node', { kind: 'replaceInput', node: 'q', slot: 0, from: 'r', to: 'x' }, /no node makes "q"/],
    ['takes a name that is used', { kind: 'replaceOutput', from: 'r', to: 'w' }, /"w" is taken/],
    ['renames to nothing', { kind: 'replaceOutput', from: 'r', to: '' }, /lose its name/],
    [
      'adds an initializer over a node’s output',
      { kind: 'addInitializers', at: 0, tensors: [create(TensorProtoSchema, floats('r', distinct(1, 1)))] },
      /"r" is taken/,
    ],
  ];
  test.each(cases)('%s: declines and leaves the model alone', (_what, edit, message) => {
    const proto = smallModel();
    const before = bytesOf(proto);
    // After an edit that fits, which must be taken back.
    const fits = modelPropEdit(proto, fixKey, 'x');
    expect(() => {
      applyEdits(proto, [fits, edit]);
    }).toThrow(message);
    expect(bytesOf(proto).equals(before)).toBe(true);
    try {
      applyEdits(proto, [edit]);
    } catch (error) {
      expect(error).toMatchObject({ name: 'NanoscopeError', code: 'fix-declined' });
    }
  });
});

describe('helpers', () => {
  test('an input may have an initializer of the same name, its default', () => {
    const proto = smallModel();
    applyEdits(proto, [{ kind: 'addInitializers', at: 0, tensors: [create(TensorProtoSchema, { name: 'x' })] }]);
    applyEdits(proto, [{ kind: 'addInputs', at: 0, values: [create(ValueInfoProtoSchema, value('w', [4]))] }]);
    expect(proto.graph?.input.map((input) => input.name)).toEqual(['w', 'x']);
  });

  test('names and places', () => {
    const proto = richModel();
    expect(indexOfProducer(proto, 'mid')).toBe(1);
    expect(indexOfProducer(proto, 'x')).toBe(-1);
    expect(indexOfProducer(proto, '')).toBe(-1);
    expect(freshName(proto, 'free')).toBe('free');
    expect(freshName(proto, 'then_w')).toBe('then_w_2');
    expect(freshName(proto, 'mid')).toBe('mid_2');
  });
});
