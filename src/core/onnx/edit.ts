/**
 * Edits of a model's main graph as data. Each carries what it takes away as well as what it brings, so that it can
 * check that the model is the one it was made for, and so that its inverse is exact: applied and inverted, a model
 * is byte for byte what it was.
 */
import { clone, create, toBinary } from '@bufbuild/protobuf';
import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import {
  AttributeProtoSchema,
  NodeProtoSchema,
  StringStringEntryProtoSchema,
  TensorProtoSchema,
  ValueInfoProtoSchema,
} from 'onnx-buf';
import type {
  AttributeProto,
  GraphProto,
  ModelProto,
  NodeProto,
  StringStringEntryProto,
  TensorProto,
  ValueInfoProto,
} from 'onnx-buf';
import { NanoscopeError } from '../errors';
import { allGraphs } from './allTensors';
import { show } from './show';

/**
 * `at` is the place in the list at the moment when the edit is applied. Nodes are named by a value they produce,
 * which is unique and does not change when other nodes come and go.
 */
export type GraphEdit =
  | { readonly kind: 'insertNodes'; readonly at: number; readonly nodes: readonly NodeProto[] }
  | { readonly kind: 'removeNodes'; readonly at: number; readonly nodes: readonly NodeProto[] }
  /** Makes input `slot` of the node that produces `node` read `to` instead of `from`. */
  | {
      readonly kind: 'replaceInput';
      readonly node: string;
      readonly slot: number;
      readonly from: string;
      readonly to: string;
    }
  /** Renames the value where it is produced; who reads it is not changed. */
  | { readonly kind: 'replaceOutput'; readonly from: string; readonly to: string }
  /** Adds (`from` null), removes (`to` null) or changes the attribute at place `at` of a node. */
  | {
      readonly kind: 'setAttribute';
      readonly node: string;
      readonly at: number;
      readonly from: AttributeProto | null;
      readonly to: AttributeProto | null;
    }
  | { readonly kind: 'addInitializers'; readonly at: number; readonly tensors: readonly TensorProto[] }
  | { readonly kind: 'removeInitializers'; readonly at: number; readonly tensors: readonly TensorProto[] }
  | { readonly kind: 'addInputs'; readonly at: number; readonly values: readonly ValueInfoProto[] }
  | { readonly kind: 'removeInputs'; readonly at: number; readonly values: readonly ValueInfoProto[] }
  | { readonly kind: 'addOutputs'; readonly at: number; readonly values: readonly ValueInfoProto[] }
  | { readonly kind: 'removeOutputs'; readonly at: number; readonly values: readonly ValueInfoProto[] }
  /** Adds, removes or changes the entry at place `at` of the model's metadata. */
  | {
      readonly kind: 'setModelProps';
      readonly at: number;
      readonly from: StringStringEntryProto | null;
      readonly to: StringStringEntryProto | null;
    };

/** Metadata key of nodes that a fix made, and of models that a fix changed; the value is the fix's id. */
export const fixKey = 'nanoscope.fix';

/**
 * Applies edits in order, **in place**. When one does not fit, those before it are taken back and the model is as
 * it was. What edits bring is copied, so one edit may be applied to several models.
 * @throws NanoscopeError `fix-declined`
 */
export function applyEdits(proto: ModelProto, edits: readonly GraphEdit[]): void {
  for (const [done, edit] of edits.entries()) {
    try {
      applyEdit(proto, edit);
    } catch (error) {
      for (const undo of invert(edits.slice(0, done))) applyEdit(proto, undo);
      throw error;
    }
  }
}

/** The edits that take `edits` back, in the order in which to apply them. */
export function invert(edits: readonly GraphEdit[]): GraphEdit[] {
  return edits.map(inverse).reverse();
}

function inverse(edit: GraphEdit): GraphEdit {
  switch (edit.kind) {
    case 'insertNodes':
      return { ...edit, kind: 'removeNodes' };
    case 'removeNodes':
      return { ...edit, kind: 'insertNodes' };
    case 'addInitializers':
      return { ...edit, kind: 'removeInitializers' };
    case 'removeInitializers':
      return { ...edit, kind: 'addInitializers' };
    case 'addInputs':
      return { ...edit, kind: 'removeInputs' };
    case 'removeInputs':
      return { ...edit, kind: 'addInputs' };
    case 'addOutputs':
      return { ...edit, kind: 'removeOutputs' };
    case 'removeOutputs':
      return { ...edit, kind: 'addOutputs' };
    case 'replaceInput':
      return { ...edit, from: edit.to, to: edit.from };
    case 'replaceOutput':
      return { ...edit, from: edit.to, to: edit.from };
    case 'setAttribute':
      return { ...edit, from: edit.to, to: edit.from };
    case 'setModelProps':
      return { ...edit, from: edit.to, to: edit.from };
  }
}

function applyEdit(proto: ModelProto, edit: GraphEdit): void {
  const graph = graphOf(proto);
  switch (edit.kind) {
    case 'insertNodes':
      refuseTaken(
        graph,
        edit.nodes.flatMap((node) => node.output),
      );
      insert(NodeProtoSchema, graph.node, edit.at, edit.nodes);
      return;
    case 'removeNodes':
      remove(NodeProtoSchema, graph.node, edit.at, edit.nodes);
      return;
    case 'addInitializers':
      refuseTaken(
        graph,
        edit.tensors.map((tensor) => tensor.name),
        graph.input,
      );
      insert(TensorProtoSchema, graph.initializer, edit.at, edit.tensors);
      return;
    case 'removeInitializers':
      remove(TensorProtoSchema, graph.initializer, edit.at, edit.tensors);
      return;
    case 'addInputs':
      refuseTaken(
        graph,
        edit.values.map((value) => value.name),
        graph.initializer,
      );
      insert(ValueInfoProtoSchema, graph.input, edit.at, edit.values);
      return;
    case 'removeInputs':
      remove(ValueInfoProtoSchema, graph.input, edit.at, edit.values);
      return;
    case 'addOutputs':
      insert(ValueInfoProtoSchema, graph.output, edit.at, edit.values);
      return;
    case 'removeOutputs':
      remove(ValueInfoProtoSchema, graph.output, edit.at, edit.values);
      return;
    case 'replaceInput': {
      const node = producerOf(graph, edit.node);
      if (node.input[edit.slot] !== edit.from) {
        throw declined(
          `input ${String(edit.slot)} of the node that makes ${show(edit.node)} is not ${show(edit.from)}`,
        );
      }
      node.input[edit.slot] = edit.to;
      return;
    }
    case 'replaceOutput': {
      const node = producerOf(graph, edit.from);
      if (edit.to === '') throw declined(`the value ${show(edit.from)} would lose its name`);
      refuseTaken(graph, [edit.to]);
      node.output[node.output.indexOf(edit.from)] = edit.to;
      return;
    }
    case 'setAttribute':
      set(AttributeProtoSchema, producerOf(graph, edit.node).attribute, edit.at, edit.from, edit.to);
      return;
    case 'setModelProps':
      set(StringStringEntryProtoSchema, proto.metadataProps, edit.at, edit.from, edit.to);
      return;
  }
}

function graphOf(proto: ModelProto): GraphProto {
  if (!proto.graph) throw declined('the model has no graph');
  return proto.graph;
}

function producerOf(graph: GraphProto, value: string): NodeProto {
  const node = value === '' ? undefined : graph.node.find((candidate) => candidate.output.includes(value));
  if (!node) throw declined(`no node makes ${show(value)}`);
  return node;
}

/** New values need new names; `except` lists where the same name is legal (an input and its default value). */
function refuseTaken(
  graph: GraphProto,
  names: readonly string[],
  except: readonly { readonly name: string }[] = [],
): void {
  const own = new Set<string>();
  const allowed = new Set(except.map(({ name }) => name));
  const taken = takenNames(graph);
  for (const name of names) {
    if (name === '') continue;
    if (own.has(name) || (taken.has(name) && !allowed.has(name))) {
      throw declined(`the name ${show(name)} is taken`);
    }
    own.add(name);
  }
}

function takenNames(graph: GraphProto): Set<string> {
  const names = new Set<string>();
  for (const node of graph.node) for (const output of node.output) names.add(output);
  for (const input of graph.input) names.add(input.name);
  for (const tensor of graph.initializer) names.add(tensor.name);
  for (const sparse of graph.sparseInitializer) names.add(sparse.values?.name ?? '');
  return names;
}

function insert<Desc extends DescMessage>(
  desc: Desc,
  list: MessageShape<Desc>[],
  at: number,
  items: readonly MessageShape<Desc>[],
): void {
  if (!Number.isInteger(at) || at < 0 || at > list.length) {
    throw declined(`place ${String(at)} is not among the ${String(list.length)} there are`);
  }
  // One by one: a call with too many arguments overflows the stack.
  const tail = list.splice(at);
  for (const item of items) list.push(clone(desc, item));
  for (const item of tail) list.push(item);
}

function remove<Desc extends DescMessage>(
  desc: Desc,
  list: MessageShape<Desc>[],
  at: number,
  items: readonly MessageShape<Desc>[],
): void {
  for (const [i, item] of items.entries()) {
    if (!same(desc, list[at + i], item)) {
      throw declined(`item ${String(at + i)} of the list is not the ${desc.name} that should be removed`);
    }
  }
  list.splice(at, items.length);
}

function set<Desc extends DescMessage>(
  desc: Desc,
  list: MessageShape<Desc>[],
  at: number,
  from: MessageShape<Desc> | null,
  to: MessageShape<Desc> | null,
): void {
  if (from) {
    remove(desc, list, at, [from]);
  }
  if (to) {
    insert(desc, list, at, [to]);
  }
}

function same<Desc extends DescMessage>(desc: Desc, a: MessageShape<Desc> | undefined, b: MessageShape<Desc>): boolean {
  if (!a) return false;
  const left = toBinary(desc, a);
  const right = toBinary(desc, b);
  return left.length === right.length && left.every((byte, i) => byte === right[i]);
}

function declined(what: string): NanoscopeError {
  return new NanoscopeError(
    'fix-declined',
    `The edit does not fit the model: ${what}.`,
    'Diagnose the model again; it is not the one that the fix was made for.',
  );
}

/** Adds or changes one of the model's metadata entries. */
export function modelPropEdit(proto: ModelProto, key: string, value: string): GraphEdit {
  const at = proto.metadataProps.findIndex((entry) => entry.key === key);
  const to = create(StringStringEntryProtoSchema, { key, value });
  const from = proto.metadataProps[at];
  return from
    ? { kind: 'setModelProps', at, from: clone(StringStringEntryProtoSchema, from), to }
    : { kind: 'setModelProps', at: proto.metadataProps.length, from: null, to };
}

/** Adds or changes an attribute of the node that makes `value`. @throws NanoscopeError `fix-declined` */
export function attributeEdit(proto: ModelProto, value: string, attribute: AttributeProto): GraphEdit {
  const list = producerOf(graphOf(proto), value).attribute;
  const at = list.findIndex((candidate) => candidate.name === attribute.name);
  const from = list[at];
  return from
    ? { kind: 'setAttribute', node: value, at, from: clone(AttributeProtoSchema, from), to: attribute }
    : { kind: 'setAttribute', node: value, at: list.length, from: null, to: attribute };
}

/** Place of the node that makes `value`, for inserting before (this) or after it (plus one); −1 when none does. */
export function indexOfProducer(proto: ModelProto, value: string): number {
  return value === '' ? -1 : (proto.graph?.node.findIndex((node) => node.output.includes(value)) ?? -1);
}

/** Marks a node as made by a fix. Call it on nodes that are not yet part of a model. */
export function tagNode(node: NodeProto, fixId: string): NodeProto {
  node.metadataProps.push(create(StringStringEntryProtoSchema, { key: fixKey, value: fixId }));
  return node;
}

/** A name that no value and no node of the model has, bodies and functions included. */
export function freshName(proto: ModelProto, wish: string): string {
  const taken = new Set<string>();
  collectNames(proto, taken);
  if (!taken.has(wish)) return wish;
  for (let i = 2; ; i++) {
    const name = `${wish}_${String(i)}`;
    if (!taken.has(name)) return name;
  }
}

function collectNames(proto: ModelProto, taken: Set<string>): void {
  for (const graph of allGraphs(proto)) {
    for (const name of takenNames(graph)) taken.add(name);
    for (const node of graph.node) taken.add(node.name);
  }
}
