/**
 * The nodes of a body (a function's, a branch's, one iteration's) as nodes of the graph around it: every name that
 * the body defines gets a fresh one, its inputs become the values that it is given, names that it captures stay.
 * Nothing of the body is changed; weights and untouched attributes are shared with it.
 */
import { create } from '@bufbuild/protobuf';
import { NodeProtoSchema } from 'onnx-buf';
import type { AttributeProto, FunctionProto, GraphProto, NodeProto, SparseTensorProto, TensorProto } from 'onnx-buf';
import { altered } from './altered';
import type { Names } from './names';
import { joinPath } from './names';

export interface Body {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly nodes: readonly NodeProto[];
  readonly initializers: readonly TensorProto[];
  readonly sparse: readonly SparseTensorProto[];
}

export const bodyOfGraph = (graph: GraphProto): Body => ({
  inputs: graph.input.map((value) => value.name),
  outputs: graph.output.map((value) => value.name),
  nodes: graph.node,
  initializers: graph.initializer,
  sparse: graph.sparseInitializer,
});

export const bodyOfFunction = (fn: FunctionProto): Body => ({
  inputs: fn.input,
  outputs: fn.output,
  nodes: fn.node,
  initializers: [],
  sparse: [],
});

export interface SpliceRequest {
  readonly body: Body;
  /** Values for the body's inputs, by place; `''` and those that are missing are omitted optional inputs. */
  readonly inputs: readonly string[];
  /** Names that the body's outputs must get, by place, `''` for any; `null` lets each keep what it became. */
  readonly outputs: readonly string[] | null;
  /** Put before every new name, as `path/name`. */
  readonly path: string;
  readonly names: Names;
  /** Values of the attributes that nodes refer to (`ref_attr_name`); one that is not there is left out. */
  readonly attributes?: ReadonlyMap<string, AttributeProto>;
  /** Hands constant outputs out through a copy, so that they are measured like any other. */
  readonly copyConstants?: boolean;
}

export interface Spliced {
  readonly nodes: readonly NodeProto[];
  /** Weights of the body, for the graph around it. */
  readonly initializers: readonly TensorProto[];
  readonly sparse: readonly SparseTensorProto[];
  /** What the body's outputs are called now. */
  readonly outputs: readonly string[];
}

/** Name in the file; an unnamed node has its first output's. */
export const nameOfNode = (node: NodeProto): string =>
  node.name !== '' ? node.name : (node.output.find((output) => output !== '') ?? node.opType);

export function splice(request: SpliceRequest): Spliced {
  const { body, inputs, path, names } = request;
  const given = new Map<string, string>();
  for (const [i, input] of body.inputs.entries()) if (input !== '') given.set(input, inputs[i] ?? '');
  const renamed = new Map(given);
  const wanted = request.outputs;
  const made = producedBy(body, request.copyConstants === true);
  if (wanted) {
    for (const [i, output] of body.outputs.entries()) {
      const name = wanted[i] ?? '';
      if (name !== '' && made.has(output) && !renamed.has(output)) renamed.set(output, name);
    }
  }
  const define = (name: string): void => {
    if (name !== '' && !renamed.has(name)) renamed.set(name, names.value(joinPath(path, name)));
  };
  for (const tensor of body.initializers) define(tensor.name);
  for (const tensor of body.sparse) define(tensor.values?.name ?? '');
  for (const node of body.nodes) for (const output of node.output) define(output);

  const scope = (name: string): string => renamed.get(name) ?? name;
  const renaming: Renaming = { path, names, attributes: request.attributes };
  const nodes = body.nodes.map((node) =>
    renameNode(node, scope, renaming, names.node(joinPath(path, nameOfNode(node)))),
  );
  const outputs = body.outputs.map((output, i) => {
    const source = scope(output);
    const name = wanted?.[i] ?? '';
    if (name === '' || name === source) return source;
    // Handed through, handed out twice, or constant: the value itself has another name.
    nodes.push(
      create(NodeProtoSchema, {
        opType: 'Identity',
        name: names.node(joinPath(path, output)),
        input: [source],
        output: [name],
      }),
    );
    return name;
  });
  return {
    nodes,
    initializers: body.initializers
      .filter((tensor) => !given.has(tensor.name))
      .map((tensor) => altered(tensor, { name: scope(tensor.name) })),
    sparse: body.sparse.map((tensor) => renameSparse(tensor, scope)),
    outputs,
  };
}

/** Values that nodes of the body make; constants only where nobody asked for a copy of them. */
function producedBy(body: Body, withoutConstants: boolean): Set<string> {
  return new Set(
    body.nodes.flatMap((node) =>
      withoutConstants && node.opType === 'Constant' ? [] : node.output.filter((output) => output !== ''),
    ),
  );
}

type Scope = (name: string) => string;

interface Renaming {
  readonly path: string;
  readonly names: Names;
  readonly attributes: ReadonlyMap<string, AttributeProto> | undefined;
}

function renameNode(node: NodeProto, scope: Scope, renaming: Renaming, name: string): NodeProto {
  return altered(node, {
    name,
    input: node.input.map(scope),
    output: node.output.map(scope),
    attribute: node.attribute.flatMap((attribute) => {
      const found = renameAttribute(attribute, scope, renaming);
      return found ? [found] : [];
    }),
  });
}

function renameAttribute(attribute: AttributeProto, scope: Scope, renaming: Renaming): AttributeProto | null {
  if (attribute.refAttrName !== '' && renaming.attributes) {
    const found = renaming.attributes.get(attribute.refAttrName);
    return found ? altered(found, { name: attribute.name }) : null;
  }
  if (!attribute.g && attribute.graphs.length === 0) return attribute;
  return altered(attribute, {
    ...(attribute.g ? { g: renameGraph(attribute.g, scope, renaming) } : {}),
    graphs: attribute.graphs.map((graph) => renameGraph(graph, scope, renaming)),
  });
}

/** A body within: what it defines gets fresh names too, since it may come in more than once. */
function renameGraph(graph: GraphProto, outer: Scope, renaming: Renaming): GraphProto {
  const own = new Map<string, string>();
  const define = (name: string): void => {
    if (name !== '' && !own.has(name)) own.set(name, renaming.names.value(joinPath(renaming.path, name)));
  };
  for (const value of graph.input) define(value.name);
  for (const tensor of graph.initializer) define(tensor.name);
  for (const tensor of graph.sparseInitializer) define(tensor.values?.name ?? '');
  for (const node of graph.node) for (const output of node.output) define(output);
  const scope: Scope = (name) => own.get(name) ?? outer(name);
  return altered(graph, {
    // Seen from the graph around it, only the node that holds a body has a name with a path.
    node: graph.node.map((node) => renameNode(node, scope, renaming, node.name)),
    initializer: graph.initializer.map((tensor) => altered(tensor, { name: scope(tensor.name) })),
    sparseInitializer: graph.sparseInitializer.map((tensor) => renameSparse(tensor, scope)),
    input: graph.input.map((value) => altered(value, { name: scope(value.name) })),
    output: graph.output.map((value) => altered(value, { name: scope(value.name) })),
    valueInfo: graph.valueInfo.map((value) => altered(value, { name: scope(value.name) })),
    quantizationAnnotation: [],
  });
}

const renameSparse = (tensor: SparseTensorProto, scope: Scope): SparseTensorProto =>
  tensor.values ? altered(tensor, { values: altered(tensor.values, { name: scope(tensor.values.name) }) }) : tensor;
