/** Small models with bodies and functions, diagnosed with the real engine; `x` is [batch, sequence, 2]. */
import { create } from '@bufbuild/protobuf';
import { ModelProtoSchema, TensorProto_DataType as DataType } from 'onnx-buf';
import type { ModelProto } from 'onnx-buf';
import type { InsideFrame, Origin, Report } from '../../../src/core/report';
import type { TensorData } from '../../../src/core/tensor';
import { diagnosedModel } from '../../support/diagnosing';
import { AttributeType, node, value } from '../../unit/onnx/support';
import type { AttributeInit, GraphInit, ModelInit, NodeInit } from '../../unit/onnx/support';

export const { FLOAT, BOOL, INT64 } = DataType;
export const shape = ['batch', 'sequence', 2] as const;

/** Two samples of three positions; negative in sample 0 at positions 1 and 2. */
export const x: TensorData = {
  dtype: 'float32',
  dims: [2, 3, 2],
  data: Float32Array.of(1, 1, -1, 1, -1, -1, 2, 2, 3, 3, 4, 4),
};
/** The same without the signs. */
export const positive: TensorData = { ...x, data: Float32Array.from(Array.from(x.data as Float32Array, Math.abs)) };

export const graphAttribute = (name: string, g: GraphInit): AttributeInit => ({ name, type: AttributeType.GRAPH, g });
export const int = (name: string, i: number): AttributeInit => ({ name, type: AttributeType.INT, i: BigInt(i) });
export const ints = (name: string, of: readonly number[]): AttributeInit => ({
  name,
  type: AttributeType.INTS,
  ints: of.map(BigInt),
});
export const float = (name: string, f: number): AttributeInit => ({ name, type: AttributeType.FLOAT, f });
export const ref = (name: string, refAttrName: string, type: AttributeInit['type']): AttributeInit => ({
  name,
  refAttrName,
  type: type ?? AttributeType.FLOAT,
});

export const constant = (output: string, of: number, dtype: 'float' | 'int' = 'float'): NodeInit =>
  node('Constant', [], [output], {
    attribute: [dtype === 'int' ? int('value_int', of) : float('value_float', of)],
  });

export const branch = (name: string, nodes: NodeInit[], output: string): GraphInit => ({
  name,
  node: nodes,
  output: [value(output, shape, FLOAT)],
});

/** An If on the input's sum: above zero takes the first branch. */
export function chosen(name: string, output: string, yes: GraphInit, no: GraphInit): NodeInit[] {
  return [
    node('ReduceSum', ['x'], [`${name}_sum`], { attribute: [int('keepdims', 0)] }),
    constant(`${name}_zero`, 0),
    node('Greater', [`${name}_sum`, `${name}_zero`], [`${name}_positive`]),
    node('If', [`${name}_positive`], [output], {
      name,
      attribute: [graphAttribute('then_branch', yes), graphAttribute('else_branch', no)],
    }),
  ];
}

export function model(nodes: NodeInit[], more: ModelInit = {}, graph: Partial<GraphInit> = {}): ModelProto {
  return create(ModelProtoSchema, {
    irVersion: 8n,
    opsetImport: [
      { domain: '', version: 17n },
      { domain: 'local', version: 1n },
    ],
    graph: {
      name: 'g',
      node: nodes,
      input: [value('x', shape, FLOAT)],
      output: [value('y', shape, FLOAT)],
      ...graph,
    },
    ...more,
  });
}

/** The report of a model whose outputs the probes did not change. */
export async function looked(proto: ModelProto, inputs: TensorData = x): Promise<Report> {
  const report = await diagnosedModel(proto, { x: inputs }, { fixes: false });
  if (report.observer?.outputsBitEqual !== true) throw new Error('looking changed the outputs');
  return report;
}

export interface Told {
  readonly node: string | null;
  readonly op: string | null;
  readonly mechanism: string;
  readonly positions: readonly string[] | null;
  /** `loop.body[3]`, outermost first. */
  readonly inside: readonly string[];
}

export const told = (report: Report): Told[] => report.origins.map(toldOf);

export const toldOf = ({ node: at, op, mechanism, positions, evidence }: Origin): Told => ({
  node: at,
  op,
  mechanism,
  positions,
  inside: framesOf(evidence.inside).map(
    (frame) =>
      `${frame.node} (${frame.op}).${frame.body}${frame.iteration === null ? '' : `[${frame.iterations ?? String(frame.iteration)}]`}`,
  ),
});

const framesOf = (inside: unknown): readonly InsideFrame[] =>
  Array.isArray(inside) ? (inside as readonly InsideFrame[]) : [];
