/** Axes of small graphs, written and read as short texts: `B2 P5 o8` is [2 samples, 5 positions, 8 features]. */
import { create } from '@bufbuild/protobuf';
import { ModelProtoSchema } from 'onnx-buf';
import type { AxesOfGraph } from '../../../src/core/onnx/axes/infer';
import { inferAxes } from '../../../src/core/onnx/axes/infer';
import type { Axis, Factor, TensorAxes } from '../../../src/core/onnx/axes/types';
import { batchFactor, other, positionFactor, unknown } from '../../../src/core/onnx/axes/types';
import { Graph } from '../../../src/core/onnx/graph';
import type { AttributeInit, NodeInit } from '../onnx/support';
import { AttributeType, node } from '../onnx/support';

export const ints = (name: string, values: readonly number[]): AttributeInit => ({
  name,
  type: AttributeType.INTS,
  ints: values.map(BigInt),
});
export const int = (name: string, value: number): AttributeInit => ({
  name,
  type: AttributeType.INT,
  i: BigInt(value),
});
export const text = (name: string, value: string): AttributeInit => ({
  name,
  type: AttributeType.STRING,
  s: new TextEncoder().encode(value),
});

/** `B2*o4` → a merged axis. Letters: B batch, P position, K key, M position of the memory, o other, ? unknown. */
export function axes(written: string): TensorAxes {
  if (written === '') return [];
  return written.split(' ').map((axis): Axis => axis.split('*').map(factor));
}

function factor(written: string): Factor {
  const size = Number(written.slice(1));
  switch (written[0]) {
    case 'B':
      return batchFactor(size);
    case 'P':
      return positionFactor(size);
    case 'K':
      return positionFactor(size, 0, true);
    case 'M':
      return positionFactor(size, 1);
    case 'o':
      return other(size);
    default:
      return unknown(size);
  }
}

/** The other way; `P3[4,2,-1]` says which positions they are, `R2[0:1,1:4]` which sample and position. */
export function written(own: TensorAxes | null): string {
  return own === null ? 'none' : own.map((axis) => axis.map(writtenFactor).join('*')).join(' ');
}

function writtenFactor({ size, kind, key, sequence, samples, positions }: Factor): string {
  const pick = (table: Int32Array | null): string => (table ? `[${Array.from(table).join(',')}]` : '');
  switch (kind) {
    case 'batch':
      return `B${String(size)}${pick(samples)}`;
    case 'position':
      return `${sequence === 1 ? (key ? 'N' : 'M') : key ? 'K' : 'P'}${String(size)}${pick(positions)}`;
    case 'routed':
      return `R${String(size)}[${Array.from({ length: size }, (_, i) => `${String(samples?.[i])}:${String(positions?.[i])}`).join(',')}]`;
    case 'other':
      return `o${String(size)}`;
    case 'unknown':
      return `?${String(size)}`;
  }
}

export interface Small {
  /** Axes of the inputs; values of a run that are not inputs have none. */
  readonly inputs: Readonly<Record<string, string>>;
  readonly nodes: readonly NodeInit[];
  /** Shapes of what the nodes make, as the engine would infer them. */
  readonly shapes: Readonly<Record<string, readonly number[]>>;
  /** Integer values as a run would read them. */
  readonly ints?: Readonly<Record<string, readonly number[]>>;
  readonly opset?: number;
}

export function infer(small: Small): { graph: Graph; axes: AxesOfGraph; of: (value: string) => string } {
  const inputs = new Map(Object.entries(small.inputs).map(([name, own]) => [name, axes(own)]));
  const model = create(ModelProtoSchema, {
    opsetImport: [{ domain: '', version: BigInt(small.opset ?? 17) }],
    graph: { node: [...small.nodes], input: Object.keys(small.inputs).map((name) => ({ name })) },
  });
  const graph = new Graph(model);
  const sizes = (own: TensorAxes): number[] => own.map((axis) => axis.reduce((product, { size }) => product * size, 1));
  const found = inferAxes(graph, inputs, {
    shape: (value) => {
      const own = inputs.get(value);
      return small.shapes[value] ?? (own ? sizes(own) : small.ints?.[value] ? [small.ints[value].length] : null);
    },
    ints: (value) => small.ints?.[value] ?? null,
  });
  return { graph, axes: found, of: (value) => written(found.of(value)) };
}

/** The axes of `y`, made by one node from inputs with the given axes. */
export function through(
  op: string,
  inputs: Readonly<Record<string, string>>,
  shape: readonly number[],
  attribute: AttributeInit[] = [],
  more: Partial<Small> & { readonly reads?: readonly string[] } = {},
): string {
  const reads = [...(more.reads ?? Object.keys(inputs))];
  const single = { inputs, nodes: [node(op, reads, ['y'], { attribute })], shapes: { y: shape }, ...more };
  return infer(single).of('y');
}
