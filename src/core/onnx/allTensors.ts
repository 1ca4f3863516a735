/** Every `TensorProto` of a model, wherever ONNX allows one. */
import type { AttributeProto, GraphProto, ModelProto, NodeProto, SparseTensorProto, TensorProto } from 'onnx-buf';

export function* allTensors(model: ModelProto): Generator<TensorProto> {
  if (model.graph) yield* ofGraph(model.graph);
  for (const info of model.trainingInfo) {
    if (info.initialization) yield* ofGraph(info.initialization);
    if (info.algorithm) yield* ofGraph(info.algorithm);
  }
  for (const fn of model.functions) {
    yield* ofNodes(fn.node);
    yield* ofAttributes(fn.attributeProto);
  }
}

/** Every graph: the main one, training graphs, bodies; not functions, which are no `GraphProto`. */
export function* allGraphs(model: ModelProto): Generator<GraphProto> {
  const roots = [model.graph, ...model.trainingInfo.flatMap((info) => [info.initialization, info.algorithm])];
  for (const root of roots) {
    if (root) {
      yield root;
      yield* bodies(root.node);
    }
  }
  for (const fn of model.functions) yield* bodies(fn.node);
}

/** All graphs in attributes of these nodes, at any depth. */
function* bodies(nodes: readonly NodeProto[]): Generator<GraphProto> {
  for (const node of nodes) {
    for (const graph of bodiesOf(node)) {
      yield graph;
      yield* bodies(graph.node);
    }
  }
}

/** The value that each `Constant` node's tensor becomes; such tensors are rarely named themselves. */
export function constantNames(model: ModelProto): ReadonlyMap<TensorProto, string> {
  const names = new Map<TensorProto, string>();
  const lists = [...allGraphs(model)].map((graph) => graph.node);
  for (const fn of model.functions) lists.push(fn.node);
  for (const nodes of lists) {
    for (const node of nodes) {
      if (node.opType !== 'Constant') continue;
      for (const attribute of node.attribute) if (attribute.t) names.set(attribute.t, node.output[0] ?? '');
    }
  }
  return names;
}

/** The graphs in the attributes of one node. */
export function* bodiesOf(node: NodeProto): Generator<GraphProto> {
  for (const attribute of node.attribute) {
    if (attribute.g) yield attribute.g;
    yield* attribute.graphs;
  }
}

function* ofGraph(graph: GraphProto): Generator<TensorProto> {
  yield* graph.initializer;
  for (const sparse of graph.sparseInitializer) yield* ofSparse(sparse);
  yield* ofNodes(graph.node);
}

function* ofNodes(nodes: readonly NodeProto[]): Generator<TensorProto> {
  for (const node of nodes) yield* ofAttributes(node.attribute);
}

function* ofAttributes(attributes: readonly AttributeProto[]): Generator<TensorProto> {
  for (const attribute of attributes) {
    if (attribute.t) yield attribute.t;
    yield* attribute.tensors;
    if (attribute.sparseTensor) yield* ofSparse(attribute.sparseTensor);
    for (const sparse of attribute.sparseTensors) yield* ofSparse(sparse);
    if (attribute.g) yield* ofGraph(attribute.g);
    for (const graph of attribute.graphs) yield* ofGraph(graph);
  }
}

function* ofSparse(sparse: SparseTensorProto): Generator<TensorProto> {
  if (sparse.values) yield sparse.values;
  if (sparse.indices) yield sparse.indices;
}
