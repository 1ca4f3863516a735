/** Which nodes of a graph an edit adds, removes and changes. */
import { toBinary } from '@bufbuild/protobuf';
import { AttributeProtoSchema, TensorProtoSchema } from 'onnx-buf';
import type { TensorProto } from 'onnx-buf';
import type { Graph, GraphNode } from '../onnx/graph';
import type { PreviewState } from './types';

/** One node of the graph before, of the graph after, or the same one of both. */
export interface Pair {
  readonly id: string;
  readonly before: GraphNode | null;
  readonly after: GraphNode | null;
  readonly state: PreviewState;
  readonly changes: readonly string[];
}

export interface Comparison {
  /** Every node of both graphs, by id. */
  readonly pairs: ReadonlyMap<string, Pair>;
  /** Of the graph before and after: the pair that makes a value. */
  readonly madeBefore: (value: string) => Pair | undefined;
  readonly madeAfter: (value: string) => Pair | undefined;
}

/** Nodes are the same where they make the same value; one whose output was renamed, where operator and name agree. */
export function compare(before: Graph, after: Graph): Comparison {
  const pairs = new Map<string, Pair>();
  const olds = new Map(before.nodes.map((node) => [idOf(node), node]));
  const news = new Set(after.nodes.map(idOf));
  const renamed = new Map(
    before.nodes.filter((node) => !news.has(idOf(node))).map((node) => [`${node.op} ${node.name}`, node]),
  );
  const seen = new Set<GraphNode>();
  const add = (pair: Pair): void => void pairs.set(pair.id, pair);
  for (const node of after.nodes) {
    const old = olds.get(idOf(node)) ?? renamed.get(`${node.op} ${node.name}`) ?? null;
    if (old) seen.add(old);
    const changes = old ? changesOf(old, node, before, after) : [];
    const state = old === null ? 'added' : changes.length > 0 ? 'changed' : 'kept';
    add({ id: idOf(node), before: old, after: node, state, changes });
  }
  for (const node of before.nodes) {
    if (!seen.has(node)) add({ id: idOf(node), before: node, after: null, state: 'removed', changes: [] });
  }
  const byOld = new Map([...pairs.values()].flatMap((pair) => (pair.before ? [[pair.before, pair] as const] : [])));
  const byNew = new Map([...pairs.values()].flatMap((pair) => (pair.after ? [[pair.after, pair] as const] : [])));
  const find = (graph: Graph, known: ReadonlyMap<GraphNode, Pair>) => (value: string) => {
    const node = graph.producer.get(value);
    return node && known.get(node);
  };
  return { pairs, madeBefore: find(before, byOld), madeAfter: find(after, byNew) };
}

/** A value has one producer, so the first output tells a node. */
export const idOf = (node: GraphNode): string => node.outputs.find((output) => output !== '') ?? node.name;

function changesOf(old: GraphNode, now: GraphNode, before: Graph, after: Graph): string[] {
  const found: string[] = [];
  const inputs = Math.max(old.inputs.length, now.inputs.length);
  for (let i = 0; i < inputs; i += 1) {
    const was = old.inputs[i] ?? '';
    const is = now.inputs[i] ?? '';
    if (was !== is) found.push(`input ${String(i)}: ${named(was)} → ${named(is)}`);
    else if (was !== '' && !sameTensor(before.initializers.get(was), after.initializers.get(was)))
      found.push(`input ${String(i)}: ${was} has other elements`);
  }
  for (const [i, was] of old.outputs.entries()) {
    const is = now.outputs[i] ?? '';
    if (was !== is) found.push(`output ${String(i)}: ${named(was)} → ${named(is)}`);
  }
  if (old.proto === now.proto) return found;
  const mine = new Map(old.proto.attribute.map((attribute) => [attribute.name, attribute]));
  const theirs = new Map(now.proto.attribute.map((attribute) => [attribute.name, attribute]));
  for (const name of new Set([...mine.keys(), ...theirs.keys()])) {
    const [a, b] = [mine.get(name), theirs.get(name)].map((entry) => entry && toBinary(AttributeProtoSchema, entry));
    if (!a || !b || !sameBytes(a, b)) found.push(a ? (b ? `${name} changed` : `${name} removed`) : `${name} added`);
  }
  return found;
}

const named = (value: string): string => (value === '' ? 'nothing' : value);

/** Big payloads are references to a file here, so that few bytes are compared. */
function sameTensor(a: TensorProto | undefined, b: TensorProto | undefined): boolean {
  if (a === b) return true;
  return (
    a !== undefined && b !== undefined && sameBytes(toBinary(TensorProtoSchema, a), toBinary(TensorProtoSchema, b))
  );
}

const sameBytes = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, i) => byte === b[i]);
