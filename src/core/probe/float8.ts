/**
 * float8 made visible. The engine computes with it, and its binding refuses every session that has a float8 among its
 * outputs. Each such value of the main graph is given in float32 instead, which holds every float8 exactly, under its
 * own name; where an operator asks for the float8 itself it is cast back. No number changes, and probes, masks and
 * findings meet float32 only.
 */
import { create } from '@bufbuild/protobuf';
import {
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  NodeProtoSchema,
  TensorProto_DataType,
  ValueInfoProtoSchema,
} from 'onnx-buf';
import type { AttributeProto, GraphProto, ModelProto, NodeProto, TypeProto } from 'onnx-buf';
import { altered } from '../onnx/altered';
import { graphOf } from '../onnx/graph';
import { Names } from '../onnx/names';

const T = TensorProto_DataType;
/** Messages hold element types as plain numbers. */
const float32: number = T.FLOAT;
const float8: ReadonlySet<number> = new Set<number>([T.FLOAT8E4M3FN, T.FLOAT8E4M3FNUZ, T.FLOAT8E5M2, T.FLOAT8E5M2FNUZ]);

/** The first version of ONNX's operators that has the types; a model below is not searched. */
const firstOpset = 19n;

/** Hand elements of their first input on as they are. */
const moves: ReadonlySet<string> = new Set([
  ...['Identity', 'Reshape', 'Flatten', 'Squeeze', 'Unsqueeze', 'Transpose', 'Expand', 'Tile', 'Concat', 'Split'],
  ...['Slice', 'Gather', 'GatherElements', 'GatherND', 'DepthToSpace', 'SpaceToDepth'],
]);

/** Values of the main graph that are float8 in the file and computed by a node. */
export function float8Values(model: ModelProto): ReadonlySet<string> {
  const types = mayHold(model) ? typesIn(graphOf(model)) : new Map<string, number>();
  const stored = new Set(graphOf(model).initializer.map(({ name }) => name));
  return new Set([...types.keys()].filter((name) => !stored.has(name)));
}

/** The same model with every float8 that a node computes given in float32. */
export function withFloat8Shown(model: ModelProto): ModelProto {
  const values = float8Values(model);
  const graph = graphOf(model);
  const types = mayHold(model) ? typesIn(graph) : new Map<string, number>();
  if (types.size === 0) return model;
  const names = new Showing(values, types, Names.of(model).prefix('nanoscope_float8_'));
  return altered(model, {
    graph: altered(graph, {
      node: graph.node.flatMap((node) => names.around(node)),
      output: graph.output.map((own) =>
        values.has(own.name) ? create(ValueInfoProtoSchema, { name: own.name }) : own,
      ),
      // What is declared float8 is float32 now, which the engine infers.
      valueInfo: graph.valueInfo.filter(({ name, type }) => !values.has(name) || !isFloat8(type)),
    }),
  });
}

class Showing {
  private casts = 0;

  constructor(
    private readonly values: ReadonlySet<string>,
    private readonly types: ReadonlyMap<string, number>,
    private readonly prefix: string,
  ) {}

  around(node: NodeProto): NodeProto[] {
    const [first = '', second = '', third = ''] = node.input;
    if (isOwn(node) && node.opType === 'DequantizeLinear') {
      const type = this.types.get(first) ?? this.types.get(third);
      // A weight is read as it is stored; what was computed, here or in an earlier part of a run, is float32.
      return type === undefined || this.isStored(first) ? [node] : this.readAs(type, node, first);
    }
    const outputs = node.output.filter((name) => this.values.has(name));
    const isShown = isOwn(node) && moves.has(node.opType) && !this.isStored(first);
    if (outputs.length === 0 || isShown) return [node];
    const raw = (name: string): string => `${this.prefix}stored_${name}`;
    // What it was to be like may be shown in float32 by now.
    const like = node.opType === 'CastLike' && isOwn(node) ? this.types.get(second) : undefined;
    const own =
      like === undefined
        ? node
        : altered(node, { opType: 'Cast', input: [first], attribute: [to(like), ...node.attribute] });
    return [
      altered(own, { output: own.output.map((name) => (outputs.includes(name) ? raw(name) : name)) }),
      ...outputs.map((name) => cast(raw(name), name, `${this.prefix}shown_${name}`, [to(float32)])),
    ];
  }

  private isStored(name: string): boolean {
    return this.types.has(name) && !this.values.has(name);
  }

  /** Infinity stays what it is: a cast would otherwise give the largest number of the type. */
  private readAs(type: number, node: NodeProto, value: string): NodeProto[] {
    const read = `${this.prefix}read_${String((this.casts += 1))}`;
    return [
      cast(value, read, read, [to(type), integer('saturate', 0)]),
      altered(node, { input: node.input.map((name, i) => (i === 0 ? read : name)) }),
    ];
  }
}

const mayHold = ({ opsetImport }: ModelProto): boolean =>
  opsetImport.some(({ domain, version }) => (domain === '' || domain === 'ai.onnx') && version >= firstOpset);

const isOwn = ({ domain }: NodeProto): boolean => domain === '' || domain === 'ai.onnx';

const isFloat8 = (type: TypeProto | undefined): boolean =>
  type?.value.case === 'tensorType' && float8.has(type.value.value.elemType);

/** Every float8 of a graph by name, weights included. */
function typesIn(graph: GraphProto): Map<string, number> {
  const types = new Map<string, number>();
  for (const { name, dataType } of graph.initializer) if (float8.has(dataType)) types.set(name, dataType);
  for (const node of graph.node) {
    if (!isOwn(node)) continue;
    const type = typeOf(node, types);
    if (type !== undefined && float8.has(type)) for (const name of node.output) if (name !== '') types.set(name, type);
  }
  return types;
}

function typeOf({ opType, input, attribute }: NodeProto, types: ReadonlyMap<string, number>): number | undefined {
  const named = (name: string): number | undefined => {
    const type = Number(attribute.find((own) => own.name === name)?.i ?? 0n);
    return type === 0 ? undefined : type;
  };
  switch (opType) {
    case 'Cast':
      return named('to');
    case 'CastLike':
      return types.get(input[1] ?? '');
    case 'QuantizeLinear':
      return types.get(input[2] ?? '') ?? named('output_dtype');
    case 'Constant':
    case 'ConstantOfShape':
      return attribute.find(({ t }) => t !== undefined)?.t?.dataType;
    default:
      return moves.has(opType) ? types.get(input[0] ?? '') : undefined;
  }
}

const integer = (name: string, i: number): AttributeProto =>
  create(AttributeProtoSchema, { name, type: AttributeProto_AttributeType.INT, i: BigInt(i) });
const to = (type: number): AttributeProto => integer('to', type);

const cast = (from: string, into: string, name: string, attribute: AttributeProto[]): NodeProto =>
  create(NodeProtoSchema, { opType: 'Cast', name, input: [from], output: [into], attribute });
