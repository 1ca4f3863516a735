/**
 * True float16. ONNX Runtime's CPU kernels compute most of float16 in float32, and drop the rounding between two
 * nodes: 300 × 300 × 0.001 is 90 there and infinite on a GPU. A fence, `Unsqueeze` and `Squeeze` behind a node, is
 * computed in float16 and so has the node's output rounded; one node alone (`Identity`) is computed in float32 like
 * its neighbours. A fenced value keeps its name, so nothing that reads it has to know.
 *
 * What one node does inside stays as it is: a MatMul sums in float32 and rounds once, as tensor cores do.
 */
import { create } from '@bufbuild/protobuf';
import {
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  NodeProtoSchema,
  TensorProto_DataType,
  TypeProtoSchema,
} from 'onnx-buf';
import type { GraphProto, ModelProto, NodeProto, TypeProto, ValueInfoProto } from 'onnx-buf';
import { bodiesOf } from '../onnx/allTensors';
import { altered } from '../onnx/altered';
import { graphOf } from '../onnx/graph';
import { Names } from '../onnx/names';
import { int64Tensor } from '../onnx/tensors';

/** Messages hold their element type as a plain number. */
const float16: number = TensorProto_DataType.FLOAT16;

/**
 * Nodes whose float16 outputs hold nothing but elements of their float16 inputs, their negatives, or numbers that
 * float16 holds exactly: there is nothing to round. Bodies are fenced inside; lists cannot be.
 */
const exact: ReadonlySet<string> = new Set([
  ...['Identity', 'Reshape', 'Flatten', 'Squeeze', 'Unsqueeze', 'Transpose', 'Expand', 'Tile', 'Concat', 'Split'],
  ...['Slice', 'Gather', 'GatherElements', 'GatherND', 'Compress', 'DepthToSpace', 'SpaceToDepth', 'Trilu', 'TopK'],
  ...['Constant', 'ConstantOfShape', 'Where', 'Neg', 'Abs', 'Sign', 'Relu', 'Clip', 'Max', 'Min'],
  ...['ReduceMax', 'ReduceMin', 'Floor', 'Ceil', 'Round', 'If', 'Loop', 'Scan'],
  ...['SequenceConstruct', 'SequenceInsert', 'SequenceErase', 'SequenceEmpty', 'SequenceAt', 'SequenceMap'],
  ...['SplitToSequence', 'ConcatFromSequence', 'Optional', 'OptionalGetElement', 'OptionalHasElement'],
]);

/** Nodes that read floats and give another type. */
const toOtherTypes: ReadonlySet<string> = new Set([
  ...['Shape', 'Size', 'NonZero', 'ArgMax', 'ArgMin', 'IsNaN', 'IsInf', 'Not', 'And', 'Or', 'Xor'],
  ...['Equal', 'Greater', 'GreaterOrEqual', 'Less', 'LessOrEqual', 'OptionalHasElement'],
  ...['QuantizeLinear', 'DynamicQuantizeLinear', 'SequenceLength'],
]);

/** Which values of one graph are float16, those of the graphs around it included. */
class Scope {
  private readonly own = new Map<string, boolean>();

  constructor(private readonly outer: ReadonlyMap<string, string> | Scope) {}

  /** undefined where nothing is known. */
  has(value: string): boolean | undefined {
    const own = this.own.get(value);
    if (own !== undefined) return own;
    if (this.outer instanceof Scope) return this.outer.has(value);
    const dtype = this.outer.get(value);
    return dtype === undefined ? undefined : dtype === 'float16';
  }

  set(value: string, isHalf: boolean): void {
    this.own.set(value, isHalf);
  }

  declare({ input, output, valueInfo, initializer }: GraphProto): void {
    for (const { name, type } of [...input, ...output, ...valueInfo]) {
      const known = elementType(type);
      if (known !== null && !this.own.has(name)) this.own.set(name, known === float16);
    }
    for (const { name, dataType } of initializer) this.own.set(name, dataType === float16);
  }
}

interface Fenced {
  readonly nodes: readonly NodeProto[];
  /** Fenced values, by name. */
  readonly values: readonly string[];
  readonly isChanged: boolean;
}

/** Fences for every variant of one model that is run: parts of it, with probes, with fixes. */
export class Fences {
  private readonly known = new WeakMap<NodeProto, Fenced>();
  private readonly declared = new WeakMap<ValueInfoProto, ValueInfoProto>();

  private constructor(
    private readonly dtypes: ReadonlyMap<string, string>,
    private readonly prefix: string,
    private readonly opset: number,
  ) {}

  /**
   * @param dtypes of values of the main graph, as the engine infers them. What is missing is told from types that
   * the model declares, and from what a node reads.
   * @returns null for a model in which nothing can be float16.
   */
  static of(model: ModelProto, dtypes: ReadonlyMap<string, string>): Fences | null {
    if (![...dtypes.values()].includes('float16') && !mentionsHalf(graphOf(model))) return null;
    const opset = model.opsetImport.find(({ domain }) => domain === '' || domain === 'ai.onnx');
    return new Fences(dtypes, Names.of(model).prefix('nanoscope_half_'), Number(opset?.version ?? 1n));
  }

  /** The same model with every float16 that a node computes rounded to float16, under its own name. */
  around(model: ModelProto): ModelProto {
    const graph = this.graph(graphOf(model), new Scope(this.dtypes), 0);
    return graph === null ? model : altered(model, { graph });
  }

  /**
   * @param depth of bodies within bodies: one must not hide a name of those around it.
   * @returns null where nothing changes.
   */
  private graph(graph: GraphProto, scope: Scope, depth: number): GraphProto | null {
    scope.declare(graph);
    const axes = `${this.prefix}axes_${String(depth)}`;
    const fenced = graph.node.map((node) => this.node(node, scope, axes, depth));
    if (!fenced.some(({ isChanged }) => isChanged)) return null;
    const values = new Set(fenced.flatMap((entry) => entry.values));
    return altered(graph, {
      node: fenced.flatMap(({ nodes }) => nodes),
      // Without a declared shape the engine plans memory in quadratic time.
      valueInfo: graph.valueInfo.flatMap((info) => (values.has(info.name) ? [info, this.unrounded(info)] : [info])),
      ...(values.size > 0 && this.opset >= 13 ? { initializer: [...graph.initializer, int64Tensor(axes, [0])] } : {}),
    });
  }

  private node(node: NodeProto, scope: Scope, axes: string, depth: number): Fenced {
    const before = this.known.get(node);
    const halves = halfOutputs(node, scope);
    for (const output of node.output) if (output !== '') scope.set(output, halves.has(output));
    if (before) return before;
    const opened = this.opened(node, scope, depth);
    const isExact = (node.domain === '' || node.domain === 'ai.onnx') && exact.has(node.opType);
    const values = isExact ? [] : node.output.filter((output) => halves.has(output));
    const raw = new Set(values);
    const own =
      values.length === 0
        ? opened
        : altered(opened, { output: node.output.map((output) => (raw.has(output) ? this.raw(output) : output)) });
    const nodes = [own, ...values.flatMap((value) => this.fence(value, axes))];
    const fenced = { nodes, values, isChanged: own !== node };
    this.known.set(node, fenced);
    return fenced;
  }

  /** A node with its bodies fenced. */
  private opened(node: NodeProto, scope: Scope, depth: number): NodeProto {
    if (node.attribute.every((entry) => entry.g === undefined && entry.graphs.length === 0)) return node;
    // Exporters declare the types of a body's inputs; one that has none may be what the node reads.
    const reads = node.input.some((input) => scope.has(input) === true);
    const inside = (body: GraphProto): GraphProto => {
      const inner = new Scope(scope);
      for (const { name, type } of body.input) inner.set(name, isHalf(type) ?? reads);
      return this.graph(body, inner, depth + 1) ?? body;
    };
    const attribute = node.attribute.map((entry) => {
      const g = entry.g && inside(entry.g);
      const graphs = entry.graphs.map(inside);
      const isSame = g === entry.g && graphs.every((body, i) => body === entry.graphs[i]);
      return isSame ? entry : altered(entry, { ...(g && { g }), graphs });
    });
    return attribute.every((entry, i) => entry === node.attribute[i]) ? node : altered(node, { attribute });
  }

  /** What a node gives before it is rounded. */
  private raw(value: string): string {
    return `${this.prefix}raw_${value}`;
  }

  private fence(value: string, axes: string): NodeProto[] {
    const step = (opType: string, from: string, to: string): NodeProto =>
      create(NodeProtoSchema, {
        opType,
        // Not the value's own: nodes are often called as what they give.
        name: `${this.prefix}${opType.toLowerCase()}_${value}`,
        output: [to],
        ...(this.opset >= 13
          ? { input: [from, axes] }
          : {
              input: [from],
              attribute: [
                create(AttributeProtoSchema, { name: 'axes', type: AttributeProto_AttributeType.INTS, ints: [0n] }),
              ],
            }),
      });
    const between = `${this.prefix}fence_${value}`;
    return [step('Unsqueeze', this.raw(value), between), step('Squeeze', between, value)];
  }

  private unrounded(info: ValueInfoProto): ValueInfoProto {
    const known = this.declared.get(info) ?? altered(info, { name: this.raw(info.name) });
    this.declared.set(info, known);
    return known;
  }
}

/** Of the main graph they are known; elsewhere, and behind nodes that came in later, told from what a node reads. */
function halfOutputs(node: NodeProto, scope: Scope): ReadonlySet<string> {
  const told = toldBy(node, scope);
  return new Set(node.output.filter((output) => output !== '' && (scope.has(output) ?? told)));
}

function toldBy(node: NodeProto, scope: Scope): boolean {
  const { opType, input, attribute } = node;
  const type = attribute.find(({ name }) => name === (opType === 'Cast' ? 'to' : 'dtype'))?.i;
  if (type !== undefined && type !== 0n) return type === BigInt(float16);
  if (toOtherTypes.has(opType)) return false;
  if (opType === 'CastLike') return scope.has(input[1] ?? '') === true;
  if (opType === 'Constant' || opType === 'ConstantOfShape') return attribute.some(({ t }) => t?.dataType === float16);
  // Results of bodies may be of any type, and fences behind them are inside.
  return input.some((name) => scope.has(name) === true) || [...bodiesOf(node)].some(mentionsHalf);
}

/** Whether a graph, or a body in it, names the type anywhere. */
function mentionsHalf(graph: GraphProto): boolean {
  return (
    [...graph.input, ...graph.output, ...graph.valueInfo].some(({ type }) => isHalf(type) === true) ||
    graph.initializer.some(({ dataType }) => dataType === float16) ||
    graph.node.some(
      (node) =>
        node.attribute.some(
          ({ name, i, t }) => t?.dataType === float16 || ((name === 'to' || name === 'dtype') && i === BigInt(float16)),
        ) || [...bodiesOf(node)].some(mentionsHalf),
    )
  );
}

const isHalf = (type: TypeProto | undefined): boolean | undefined => {
  const known = elementType(type);
  return known === null ? undefined : known === float16;
};

/** Of a tensor, or of the tensors in a list; null where none is declared. */
function elementType(type: TypeProto | undefined): number | null {
  switch (type?.value.case) {
    case 'tensorType':
      return type.value.value.elemType === 0 ? null : type.value.value.elemType;
    case 'sequenceType':
    case 'optionalType':
      return elementType(type.value.value.elemType ?? create(TypeProtoSchema, {}));
    default:
      return null;
  }
}
